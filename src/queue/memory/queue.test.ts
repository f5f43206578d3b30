import { queueContract } from "../../../test/contract/queue.ts";
import { memoryQueue } from "./queue.ts";

queueContract("memory", async (world) => ({ queue: memoryQueue(world), close: async () => {} }));
