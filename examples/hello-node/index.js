exports.handler = async (event) => ({ message: `Hello ${event?.name ?? "world"}` });
