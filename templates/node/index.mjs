/** Called with the body, parsed when it is JSON; what it returns is the answer. */
export async function handler(event, context) {
  const name = event?.name ?? "world";
  console.log(`greeting ${name} in call ${context.callId}`);
  return { message: `Hello ${name}` };
}
