package com.fnproject.fn.runtime.ntv;

import java.io.IOException;
import java.net.SocketException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SelectableChannel;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Stands in for the class of this name in Fn's kit for Java, whose methods are in a native library that only Fn's images bring: the same
 * calls on Java's own unix sockets. It lies before the kit on the class path; nothing of the kit is changed.
 */
final class UnixSocketNative {
    private static final Map<Integer, Socket> sockets = new ConcurrentHashMap<>();
    /** From 1: the kit takes 0 for "nobody came". */
    private static final AtomicInteger made = new AtomicInteger();

    /** What the kit calls a file descriptor. */
    private static final class Socket {
        UnixDomainSocketAddress address;
        ServerSocketChannel server;
        SocketChannel channel;
        Selector selector;
        volatile int receiveTimeoutMs;
        volatile int sendTimeoutMs;

        /** True when there is something to read or to accept; waits for it, for ever where the time is 0. */
        boolean waits(SelectableChannel of, int operation, long timeoutMs) throws IOException {
            if (selector == null) {
                of.configureBlocking(false);
                selector = Selector.open();
                of.register(selector, operation);
            }
            int ready = selector.select(timeoutMs);
            selector.selectedKeys().clear();
            return ready > 0;
        }

        void close() throws IOException {
            if (selector != null) selector.close();
            if (server != null) server.close();
            if (channel != null) channel.close();
        }
    }

    public UnixSocketNative() {}

    public static int socket() {
        return add(new Socket());
    }

    public static void bind(int socket, String path) throws IOException {
        Socket bound = of(socket);
        bound.address = UnixDomainSocketAddress.of(path);
        bound.server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
    }

    public static void listen(int socket, int backlog) throws IOException {
        Socket bound = of(socket);
        bound.server.bind(bound.address, backlog);
    }

    public static void connect(int socket, String path) throws IOException {
        of(socket).channel = SocketChannel.open(UnixDomainSocketAddress.of(path));
    }

    public static int accept(int socket, long timeoutMs) throws IOException {
        if (timeoutMs < 0) throw new IllegalArgumentException("Invalid timeout");
        Socket listening = of(socket);
        if (!listening.waits(listening.server, SelectionKey.OP_ACCEPT, timeoutMs)) return 0;
        SocketChannel channel = listening.server.accept();
        if (channel == null) return 0;
        Socket accepted = new Socket();
        accepted.channel = channel;
        return add(accepted);
    }

    public static int recv(int socket, byte[] buffer, int offset, int length) throws IOException {
        Socket from = of(socket);
        ByteBuffer target = ByteBuffer.wrap(buffer, offset, Math.min(length, buffer.length - offset));
        if (from.receiveTimeoutMs == 0 && from.selector == null) return from.channel.read(target);
        // A channel that was read with a time limit once stays as it is then.
        for (;;) {
            int read = from.channel.read(target);
            if (read != 0) return read;
            if (!from.waits(from.channel, SelectionKey.OP_READ, from.receiveTimeoutMs)) throw new SocketException("Read timed out");
        }
    }

    public static int send(int socket, byte[] buffer, int offset, int length) throws IOException {
        SocketChannel to = of(socket).channel;
        ByteBuffer data = ByteBuffer.wrap(buffer, offset, length);
        int sent = to.write(data);
        // Only where the channel does not block by itself: what leads to the platform is full for a moment.
        while (sent == 0) {
            Thread.onSpinWait();
            sent = to.write(data);
        }
        return sent;
    }

    public static void close(int socket) throws IOException {
        Socket closed = sockets.remove(socket);
        if (closed != null) closed.close();
    }

    public static void setSendTimeout(int socket, int timeout) throws SocketException {
        of(socket).sendTimeoutMs = timeout;
    }

    public static int getSendTimeout(int socket) throws SocketException {
        return of(socket).sendTimeoutMs;
    }

    public static void setRecvTimeout(int socket, int timeout) throws SocketException {
        of(socket).receiveTimeoutMs = timeout;
    }

    public static int getRecvTimeout(int socket) throws SocketException {
        return of(socket).receiveTimeoutMs;
    }

    public static void setSendBufSize(int socket, int bufSize) {}

    public static void setRecvBufSize(int socket, int bufSize) {}

    public static void shutdown(int socket, boolean input, boolean output) throws IOException {
        SocketChannel channel = of(socket).channel;
        if (input) channel.shutdownInput();
        if (output) channel.shutdownOutput();
    }

    private static int add(Socket socket) {
        int number = made.incrementAndGet();
        sockets.put(number, socket);
        return number;
    }

    private static Socket of(int socket) throws SocketException {
        Socket found = sockets.get(socket);
        if (found == null) throw new SocketException("The socket is closed");
        return found;
    }
}
