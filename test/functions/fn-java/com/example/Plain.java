package com.example;

import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;

/** A server where it is given a port; else a program that answers what it reads. */
public class Plain {
    public static void main(String[] args) throws IOException {
        String port = System.getenv("PORT");
        if (port == null) {
            System.out.print("Hello " + new String(System.in.readAllBytes()));
            return;
        }
        HttpServer server = HttpServer.create(new InetSocketAddress(System.getenv("HOST"), Integer.parseInt(port)), 0);
        server.createContext("/", exchange -> {
            byte[] said = ("Hello " + new String(exchange.getRequestBody().readAllBytes())).getBytes();
            exchange.sendResponseHeaders(200, said.length);
            exchange.getResponseBody().write(said);
            exchange.close();
        });
        server.start();
    }
}
