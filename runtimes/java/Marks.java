package polykiln;

import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;

/** Marks on both streams where the output of a call ends (docs/frames.md). */
final class Marks {
    /** What the platform is told that they begin with. */
    final String text;
    private final FileOutputStream[] streams = {new FileOutputStream(FileDescriptor.out), new FileOutputStream(FileDescriptor.err)};

    Marks() throws IOException {
        // Java's own source of what nobody guesses takes longer than all else that a start does here.
        try (FileInputStream random = new FileInputStream("/dev/urandom")) {
            text = "kiln-" + HexFormat.of().formatHex(random.readNBytes(8));
        }
    }

    void print(int id) {
        System.out.flush();
        System.err.flush();
        for (FileOutputStream stream : streams) {
            try {
                stream.write(("\n" + text + " " + id + "\n").getBytes(StandardCharsets.UTF_8));
            } catch (IOException error) {
                // The code has closed it, and prints nothing more there.
            }
        }
    }
}
