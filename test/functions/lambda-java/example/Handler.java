package example;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import java.util.LinkedHashMap;
import java.util.Map;

/** What the functions of Lambda's other clients do, with the one for Java. */
public final class Handler implements RequestHandler<Map<String, Object>, Object> {
  private static int calls = 0;

  static {
    if (System.getenv("FAIL_INIT") != null) Runtime.getRuntime().halt(7);
  }

  @Override
  public Object handleRequest(Map<String, Object> event, Context context) {
    calls++;
    int n = event.get("n") instanceof Number given ? given.intValue() : 0;
    System.out.println("printed " + n);
    pause(event.get("waitMs") instanceof Number ms ? ms.longValue() : 0);
    switch (String.valueOf(event.get("do"))) {
      case "fail" -> throw new IllegalStateException("no good");
      case "exit" -> Runtime.getRuntime().halt(n);
      case "large" -> {
        return "x".repeat(n);
      }
      default -> {}
    }
    Map<String, Object> told = new LinkedHashMap<>();
    told.put("n", n);
    told.put("first", calls == 1);
    told.put("id", context.getAwsRequestId());
    told.put("arn", context.getInvokedFunctionArn());
    told.put("leftMs", context.getRemainingTimeInMillis());
    told.put("name", context.getFunctionName());
    told.put("memory", context.getMemoryLimitInMB());
    told.put("stream", context.getLogStreamName());
    return told;
  }

  private static void pause(long ms) {
    try {
      Thread.sleep(ms);
    } catch (InterruptedException error) {
      Thread.currentThread().interrupt();
    }
  }
}
