// Stands for parts of the platform, around those that it has anyway: definitions are counted, messages and lines are, and sandboxes get a
// variable. A part of one's own is made the same way, without calling own().
// @ts-check

const counts = { apps: 0, sent: 0, lines: 0, sandboxes: 0 };

/**
 * An object like `part`, in which some methods are others.
 * @template {object} T
 * @param {T} part
 * @param {Partial<T>} changes
 * @returns {T}
 */
function withChanges(part, changes) {
  return new Proxy(part, {
    get(target, name) {
      const own = Reflect.get(changes, name);
      if (own !== undefined) return own;
      const member = Reflect.get(target, name, target);
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
}

/** @type {import("polykiln/extensions").Extension} */
export default {
  name: "parts",
  version: 1,
  async store(own) {
    const store = await own();
    const apps = withChanges(store.apps, {
      async create(app) {
        counts.apps++;
        return await store.apps.create(app);
      },
    });
    return { ...store, apps };
  },
  async queue(own) {
    const queue = await own();
    return withChanges(queue, {
      async send(messages) {
        counts.sent += messages.length;
        await queue.send(messages);
      },
    });
  },
  async logStore(own) {
    const logs = await own();
    return withChanges(logs, {
      async append(entries) {
        counts.lines += entries.length;
        return await logs.append(entries);
      },
    });
  },
  async sandboxDriver(own) {
    const driver = await own();
    return withChanges(driver, {
      async create(spec) {
        counts.sandboxes++;
        return await driver.create({ ...spec, env: { ...spec.env, KILN_ZONE: "north" } });
      },
    });
  },
  endpoints: [{ method: "GET", path: "/parts", open: true, handler: () => ({ body: counts }) }],
};
