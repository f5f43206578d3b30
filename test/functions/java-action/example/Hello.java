package example;

import com.google.gson.JsonObject;

/** An action as OpenWhisk has them. */
public class Hello {
    public static JsonObject main(JsonObject p) {
        System.out.println("out");
        System.err.println("err");
        if (p.has("throws")) throw new IllegalStateException("thrown");
        JsonObject result = new JsonObject();
        if (p.has("fails")) {
            result.addProperty("error", "told");
            return result;
        }
        result.add("p", p);
        result.addProperty("action", System.getenv("__OW_ACTION_NAME"));
        result.addProperty("id", System.getenv("__OW_ACTIVATION_ID"));
        return result;
    }

    public static JsonObject other(JsonObject p) {
        JsonObject result = new JsonObject();
        result.add("other", p);
        return result;
    }
}
