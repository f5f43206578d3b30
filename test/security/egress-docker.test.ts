import { noDocker } from "../docker.ts";
import { testEgress } from "./egress-matrix.ts";
import { cannotNetwork } from "./egress-world.ts";

testEgress("egress of containers", noDocker ?? cannotNetwork, "docker");
