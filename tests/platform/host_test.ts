import { exerciseHost } from "../conformance/host.ts";
import { getHost } from "../../src/platform/mod.ts";

exerciseHost("real", getHost);
