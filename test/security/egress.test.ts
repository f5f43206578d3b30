import { testEgress } from "./egress-matrix.ts";
import { cannotNetwork } from "./egress-world.ts";

testEgress("egress", cannotNetwork, "root");
