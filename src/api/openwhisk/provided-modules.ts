import type { Provided } from "../../image/packages/provided.ts";

/**
 * What OpenWhisk's runtimes have beside Node and Python: a module that an action asks for and does not bring is installed when it is
 * deployed (facts of the runtimes' manifests, 2026). `redis` and `redis-commands` are those whose callbacks compositions use. Of Python's `netifaces`
 * is missing, of which the index has no ready-made package.
 */
export const providedModules: Provided = {
  npm: {
    express: "4.21.2",
    openwhisk: "3.21.9",
    redis: "3.1.2",
    "redis-commands": "1.7.0",
    "serialize-error": "8.1.0",
    uuid: "8.3.2",
  },
  pip: {
    bs4: "beautifulsoup4==4.11.2",
    dateutil: "python-dateutil==2.8.2",
    httplib2: "httplib2==0.21.0",
    kafka: "kafka-python==2.0.2",
    lxml: "lxml==4.9.2",
    requests: "requests==2.32.2",
    scrapy: "scrapy==2.11.2",
    simplejson: "simplejson==3.18.3",
    twisted: "twisted==24.7.0",
    virtualenv: "virtualenv==20.19.0",
  },
};
