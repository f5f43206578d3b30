exports.handler = async (event, context) => {
  const name = event?.name ?? "world";
  console.log(`Greeting ${name} in call ${context.callId}`);
  return { message: `Hello ${name}` };
};
