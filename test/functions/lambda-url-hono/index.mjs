// An application of Hono's behind both of its adapters for Lambda.
import { Hono } from "hono";
import { handle, streamHandle } from "hono/aws-lambda";
import { stream } from "hono/streaming";

const app = new Hono();

app.all("*", async (c) => {
  const { method, url } = c.req;
  c.header("x-own", c.req.header("x-asked") ?? "");
  c.header("set-cookie", "a=1", { append: true });
  c.header("set-cookie", "b=2", { append: true });
  c.status(207);
  const { pathname, search, searchParams } = new URL(url);
  const first = `${method} ${pathname}${search} ${await c.req.text()} `;
  if (!searchParams.has("wait")) return c.body(first);
  return stream(c, async (out) => {
    await out.write(first);
    await out.sleep(2000);
    await out.write(String(Date.now()));
  });
});

export const whole = handle(app);
export const streamed = streamHandle(app);
