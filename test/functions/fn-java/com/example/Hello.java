package com.example;

import com.fnproject.fn.api.InputEvent;
import com.fnproject.fn.api.OutputEvent;
import com.fnproject.fn.api.RuntimeContext;
import com.fnproject.fn.api.httpgateway.HTTPGatewayContext;
import java.util.LinkedHashMap;
import java.util.Map;

/** What the functions of the other kits do, with Fn's kit for Java. */
public class Hello {
    public static class Ask {
        public String name = "World";
        public String print;
        public String fail;
        public boolean inspect;
    }

    public Map<String, Object> handle(Ask ask, InputEvent event, RuntimeContext context) {
        return answer(ask, event, context);
    }

    /** Through a route. */
    public OutputEvent route(HTTPGatewayContext http, InputEvent event) {
        String body = event.consumeBody(in -> {
            try {
                return new String(in.readAllBytes());
            } catch (java.io.IOException cause) {
                throw new java.io.UncheckedIOException(cause);
            }
        });
        http.setStatusCode(201);
        http.setResponseHeader("Location", "/made");
        String custom = http.getHeaders().get("X-Custom").orElse("none");
        return OutputEvent.fromBytes(
                (http.getMethod() + " " + http.getRequestURL() + " " + custom + " " + body).getBytes(),
                OutputEvent.Status.Success,
                "text/plain");
    }

    private Map<String, Object> answer(Ask ask, InputEvent event, RuntimeContext context) {
        if (ask.print != null) {
            System.out.println(ask.print);
            System.err.println("error " + ask.print);
        }
        if (ask.fail != null) throw new IllegalStateException(ask.fail);
        Map<String, Object> said = new LinkedHashMap<>();
        said.put("message", "Hello " + ask.name);
        said.put("callId", event.getCallID());
        said.put("config", context.getConfigurationByKey("GREETING").orElse(null));
        said.put("app", context.getAppName());
        said.put("trace", event.getHeaders().get("x-trace").orElse(null));
        if (ask.inspect) said.put("heapMiB", Runtime.getRuntime().maxMemory() >> 20);
        if (ask.inspect) said.put("certificates", trusted());
        return said;
    }

    /** How many certificates it trusts. */
    private int trusted() {
        try {
            var factory = javax.net.ssl.TrustManagerFactory.getInstance("PKIX");
            factory.init((java.security.KeyStore) null);
            return ((javax.net.ssl.X509TrustManager) factory.getTrustManagers()[0]).getAcceptedIssuers().length;
        } catch (Exception cause) {
            return 0;
        }
    }
}
