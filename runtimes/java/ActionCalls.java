package polykiln;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.gson.JsonSyntaxException;
import java.io.ByteArrayOutputStream;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Base64;

/** Takes calls in turn, and answers each before it looks at the next. */
final class ActionCalls {
    private static final int RESULT_BYTES_MAX = 1024 * 1024;
    /** Of a result that is too long, what its error tells. */
    private static final int SHOWN_CHARACTERS_MAX = 1024;
    private static final String DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

    private final Connection connection;
    private final Action action;
    private final Marks marks;
    private final JsonObject parameters;
    private final JsonArray reserved;
    private final int window;
    private String head = "";

    ActionCalls(Connection connection, Action action, JsonObject settings, Marks marks) {
        this.connection = connection;
        this.marks = marks;
        this.action = action;
        parameters = settings.has("parameters") ? settings.getAsJsonObject("parameters") : new JsonObject();
        reserved = settings.has("reserved") ? settings.getAsJsonArray("reserved") : new JsonArray();
        window = settings.get("window").getAsInt();
    }

    void serve() {
        for (;;) {
            Connection.Frame frame = connection.read();
            if (frame.type() != Connection.CALL) continue;
            run(frame);
            marks.print(frame.id());
        }
    }

    private void run(Connection.Frame frame) {
        int size = frame.number();
        head = "\n" + Connection.text(Arrays.copyOfRange(frame.payload(), 4, 4 + size));
        byte[] body = wholeBody(frame, 4 + size);
        try {
            tellCall();
            answer(frame.id(), action.run(parametersOf(body)));
        } catch (Throwable error) {
            error.printStackTrace();
            connection.sendJson(Connection.ERROR, frame.id(), Action.described(error, "An error has occurred: " + error.getMessage()));
        }
    }

    private byte[] wholeBody(Connection.Frame first, int start) {
        ByteArrayOutputStream body = new ByteArrayOutputStream();
        body.write(first.payload(), start, first.payload().length - start);
        Connection.Frame frame = first;
        while (!frame.ends()) {
            Connection.Frame next = connection.read();
            if (next.id() != first.id() || next.type() != Connection.BODY) continue;
            frame = next;
            body.writeBytes(frame.payload());
            connection.send(Connection.CREDIT, first.id(), number(frame.payload().length), 0);
        }
        return body.toByteArray();
    }

    private static byte[] number(int value) {
        return ByteBuffer.allocate(4).putInt(value).array();
    }

    private String field(String name) {
        int start = head.indexOf("\n" + name + ":");
        return start < 0 ? null : head.substring(start + name.length() + 2, head.indexOf('\n', start + 1));
    }

    private void tellCall() {
        BigInteger id = BigInteger.ZERO;
        for (char letter : field(":call").toCharArray()) id = id.shiftLeft(5).or(BigInteger.valueOf(Math.max(0, DIGITS.indexOf(letter))));
        String activation = String.format("%032x", id);
        String transaction = field("x-request-id");
        Action.tell("__OW_ACTIVATION_ID", activation);
        Action.tell("__OW_DEADLINE", field(":deadline"));
        Action.tell("__OW_TRANSACTION_ID", transaction == null ? activation : transaction);
    }

    private JsonElement parametersOf(byte[] body) {
        JsonElement given = body.length == 0 ? new JsonObject() : valueOf(body);
        if (given.isJsonArray()) return given;
        JsonObject all = parameters.deepCopy();
        given.getAsJsonObject().entrySet().forEach(entry -> all.add(entry.getKey(), entry.getValue()));
        reserved.forEach(name -> all.remove(name.getAsString()));
        return all;
    }

    /** What is no object comes as the member {@code __ow_body}, but for arrays, which come as they are. */
    private static JsonElement valueOf(byte[] body) {
        JsonObject wrapped = new JsonObject();
        try {
            String text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(body)).toString();
            try {
                JsonElement value = JsonParser.parseString(text);
                if (value.isJsonObject() || value.isJsonArray()) return value;
                wrapped.add("__ow_body", value);
            } catch (JsonSyntaxException error) {
                wrapped.addProperty("__ow_body", text);
            }
        } catch (CharacterCodingException error) {
            wrapped.addProperty("__ow_body", Base64.getEncoder().encodeToString(body));
        }
        return wrapped;
    }

    private void answer(int id, JsonElement result) {
        JsonElement error = result.isJsonObject() ? result.getAsJsonObject().get("error") : null;
        JsonElement value = result;
        if (error != null) {
            value = new JsonObject();
            value.getAsJsonObject().add("error", error);
        }
        String json = value.toString();
        byte[] body = json.getBytes(StandardCharsets.UTF_8);
        if (body.length > RESULT_BYTES_MAX) {
            String said = "The action produced a response that exceeded the allowed length: " + body.length + " > " + RESULT_BYTES_MAX + " bytes.";
            JsonObject tooLong = new JsonObject();
            tooLong.addProperty("error", said + " The truncated response was: " + json.substring(0, SHOWN_CHARACTERS_MAX));
            sendAnswer(id, 502, tooLong.toString().getBytes(StandardCharsets.UTF_8));
        } else {
            sendAnswer(id, error == null ? 200 : 502, body);
        }
    }

    /** Sends pieces as there is credit for them; what nobody waits for any more is thrown away. */
    private void sendAnswer(int id, int status, byte[] body) {
        byte[] start = (":status:" + status + "\ncontent-type:application/json\n").getBytes(StandardCharsets.UTF_8);
        long credit = window;
        int sent = 0;
        do {
            while (credit == 0) credit += moreCredit(id);
            int size = (int) Math.min(Math.min(body.length - sent, credit), Connection.PIECE_BYTES_MAX);
            byte[] piece = Arrays.copyOfRange(body, sent, sent + size);
            int type = sent == 0 ? Connection.RESULT : Connection.BODY;
            if (sent == 0) piece = ByteBuffer.allocate(4 + start.length + size).putInt(start.length).put(start).put(piece).array();
            sent += size;
            credit -= size;
            connection.send(type, id, piece, sent == body.length ? Connection.END : 0);
        } while (sent < body.length);
    }

    private long moreCredit(int id) {
        Connection.Frame frame = connection.read();
        if (frame.id() != id) return 0;
        if (frame.type() == Connection.CANCEL) return Integer.MAX_VALUE;
        return frame.type() == Connection.CREDIT ? Integer.toUnsignedLong(frame.number()) : 0;
    }
}
