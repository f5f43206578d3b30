package polykiln;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.lang.reflect.Field;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Serves a class with {@code public static JsonObject main(JsonObject)}, one call at a time (docs/frames.md, also for its Parameters). Such code was written for
 * OpenWhisk, so names and texts are those that it knows.
 */
public final class Action {
    private final Method method;

    private Action(Method method) {
        this.method = method;
    }

    /** Takes what {@code KILN_SOCKET} leads to as the platform. */
    public static void main(String[] arguments) throws Exception {
        Connection connection = new Connection(System.getenv("KILN_SOCKET"));
        Marks marks = new Marks();
        JsonObject hello = new JsonObject();
        hello.addProperty("protocol", 1);
        hello.addProperty("runtime", "java");
        hello.addProperty("version", System.getProperty("java.version"));
        hello.addProperty("window", Connection.WINDOW);
        hello.addProperty("mark", marks.text);
        connection.sendJson(Connection.HELLO, 0, hello);
        JsonObject settings = connection.settings();
        Action action;
        try {
            tellIdentity();
            action = find(settings.get("handler").isJsonNull() ? "" : settings.get("handler").getAsString());
        } catch (Throwable error) {
            connection.sendJson(Connection.FAILED, 0, described(error, String.valueOf(error.getMessage())));
            Runtime.getRuntime().halt(1);
            return;
        }
        connection.sendJson(Connection.READY, 0, new JsonObject());
        new ActionCalls(connection, action, settings, marks).serve();
    }

    /** {@code Class} or {@code Class#method}. */
    private static Action find(String name) throws Exception {
        String[] parts = name.split("#", 2);
        Class<?> type = Class.forName(parts[0]);
        String wanted = parts.length > 1 ? parts[1] : "main";
        for (Class<?> taken : new Class<?>[] {JsonObject.class, JsonArray.class}) {
            try {
                Method method = type.getMethod(wanted, taken);
                method.setAccessible(true);
                return new Action(method);
            } catch (NoSuchMethodException error) {
                // The other one, perhaps.
            }
        }
        throw new NoSuchMethodException(parts[0] + " has no public static method " + wanted + " that takes a JsonObject");
    }

    /** Throws what the code throws. */
    JsonElement run(JsonElement parameters) throws Throwable {
        try {
            Object result = method.invoke(null, parameters);
            if (result instanceof JsonObject || result instanceof JsonArray) return (JsonElement) result;
        } catch (InvocationTargetException error) {
            throw error.getCause();
        }
        throw new IllegalStateException("The action did not return a dictionary or array.");
    }

    static JsonObject described(Throwable error, String message) {
        StringWriter stack = new StringWriter();
        error.printStackTrace(new PrintWriter(stack));
        JsonObject described = new JsonObject();
        described.addProperty("type", error.getClass().getName());
        described.addProperty("message", message);
        described.addProperty("stack", stack.toString());
        return described;
    }

    private static void tellIdentity() {
        Stream<String> path = Stream.of("KILN_OWNER", "KILN_APP", "KILN_FUNCTION").map(Action::known);
        tell("__OW_NAMESPACE", known("KILN_NAMESPACE"));
        tell("__OW_ACTION_NAME", "/" + path.filter(part -> !part.isEmpty()).collect(Collectors.joining("/")));
        tell("__OW_ACTION_VERSION", "0.0." + known("KILN_REVISION"));
        tell("__OW_API_HOST", known("KILN_API_URL"));
    }

    private static String known(String name) {
        return System.getenv().getOrDefault(name, "");
    }

    /** The environment is not made to be changed, but code reads nothing else. Needs {@code java.util} opened. */
    @SuppressWarnings("unchecked")
    static void tell(String name, String value) {
        try {
            Map<String, String> shown = System.getenv();
            Field inner = shown.getClass().getDeclaredField("m");
            inner.setAccessible(true);
            ((Map<String, String>) inner.get(shown)).put(name, value);
        } catch (ReflectiveOperationException error) {
            throw new IllegalStateException(error);
        }
    }
}
