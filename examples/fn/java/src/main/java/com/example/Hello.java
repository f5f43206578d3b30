package com.example;

import java.util.Map;

public class Hello {
    public static class Ask {
        public String name = "World";
    }

    public Map<String, String> handle(Ask ask) {
        return Map.of("message", "Hello " + ask.name);
    }
}
