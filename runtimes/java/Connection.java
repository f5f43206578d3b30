package polykiln;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/** Frames over the platform's socket (docs/frames.md), read and written by one thread. */
final class Connection {
    static final int HELLO = 1, INIT = 2, READY = 3, FAILED = 4;
    static final int CALL = 16, BODY = 17, RESULT = 18, ERROR = 19, CANCEL = 20, CREDIT = 21;
    static final int END = 1;
    /** Of a request's body, before there is credit for more. */
    static final int WINDOW = 262_144;
    static final int PIECE_BYTES_MAX = 65_536;

    record Frame(int type, int id, int flags, byte[] payload) {
        boolean ends() {
            return (flags & END) != 0;
        }

        int number() {
            return ByteBuffer.wrap(payload).getInt();
        }
    }

    private final SocketChannel channel;

    Connection(String path) throws IOException {
        channel = SocketChannel.open(UnixDomainSocketAddress.of(Path.of(path)));
    }

    /** The payload of init. */
    JsonObject settings() {
        for (;;) {
            Frame frame = read();
            if (frame.type == INIT) return JsonParser.parseString(text(frame.payload)).getAsJsonObject();
        }
    }

    /** The next frame. */
    Frame read() {
        ByteBuffer head = ByteBuffer.wrap(exactly(10));
        int length = head.getInt();
        int id = head.getInt();
        int type = head.get();
        int flags = head.get();
        return new Frame(type, id, flags, exactly(length));
    }

    void send(int type, int id, byte[] payload, int flags) {
        ByteBuffer frame = ByteBuffer.allocate(10 + payload.length);
        frame.putInt(payload.length).putInt(id).put((byte) type).put((byte) flags).put(payload).flip();
        try {
            while (frame.hasRemaining()) channel.write(frame);
        } catch (IOException error) {
            leave();
        }
    }

    void sendJson(int type, int id, JsonElement value) {
        send(type, id, value.toString().getBytes(StandardCharsets.UTF_8), 0);
    }

    static String text(byte[] bytes) {
        return new String(bytes, StandardCharsets.UTF_8);
    }

    private byte[] exactly(int length) {
        ByteBuffer bytes = ByteBuffer.allocate(length);
        try {
            while (bytes.hasRemaining()) if (channel.read(bytes) < 0) leave();
        } catch (IOException error) {
            leave();
        }
        return bytes.array();
    }

    /** Without the platform there is nobody to work for. */
    private static void leave() {
        Runtime.getRuntime().halt(0);
    }
}
