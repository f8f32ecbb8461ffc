import { parseAfter } from "../core/supervise/after.ts";
import { byteSize } from "../core/values/bytes.ts";
import { durationMs } from "../core/values/duration.ts";
import type { Breach } from "../schema/problem.ts";
import { isWell } from "../schema/shapes.ts";
import { defaultIn } from "../schema/table.ts";
import { AFTER, LOG, READY, SERVICE, type ServiceForm } from "./keys.ts";
import type { ProbeOptions } from "./options.ts";
import { isTarget } from "./probe.ts";

const PROBE_KINDS = ["http", "tcp", "exec", "log", "alive"] as const;

/**
 * Finds the rules over several keys that a service breaks, the values of which are right by themselves. `spell` is how the door that asks
 * writes the name of an option.
 */
export function breachesOf(options: ServiceForm, spell: (name: string) => string): Breach[] {
  const { run, module, after = [], ready, port, instances = defaultIn(SERVICE, "instances"), log = {} } = options;
  const found: Breach[] = [];
  if (run === undefined && module === undefined) {
    found.push({
      path: ["run"],
      expected: "run",
      must: "given, or else module",
      got: "nothing",
      hint: 'write run = ["program", "argument"]',
    });
  }
  if (run !== undefined && module !== undefined) {
    found.push({
      path: ["run"],
      expected: "either run or module",
      must: "left out beside module",
      got: "both",
      hint: "remove one of them",
    });
  }
  if (module !== undefined) found.push(...moduleBreaches(options, module));
  if (port !== undefined && port + instances - 1 > 65_535) {
    found.push({ path: ["port"], expected: `a port of at most ${65_536 - instances} for ${instances} instances`, got: String(port) });
  }
  // By itself an entry is a text, so that one that is none hides no mistake of the others.
  after.forEach((entry, index) => {
    if (!isWell(() => parseAfter(entry).name !== "")) found.push({ path: ["after", index], expected: AFTER, got: JSON.stringify(entry) });
  });
  if (log.file?.includes("{port}") && port === undefined) found.push(portLack("log.file"));
  const { maxSize = defaultIn(LOG, "maxSize"), maxTotal } = log;
  if (maxTotal !== undefined && byteSize(maxTotal) < byteSize(maxSize)) {
    const name = spell("log.maxSize");
    found.push({
      path: ["log", "maxTotal"],
      expected: `at least ${name} (${maxSize})`,
      got: String(maxTotal),
      hint: `lower ${name}, or raise ${spell("log.maxTotal")}`,
    });
  }
  if (ready !== undefined) found.push(...probeBreaches(options, ready, found.length === 0));
  return found;
}

/** Words as a sentence lists them: "a, b and c". */
function listed(words: readonly string[]): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
}

/** A module runs as the daemon does, and ends with it. */
function moduleBreaches({ user, group, leftover }: ServiceForm, module: string): Breach[] {
  const found: Breach[] = [];
  const got = JSON.stringify(module);
  for (const [account, value] of Object.entries({ user, group })) {
    if (value === undefined) continue;
    const expected = `run beside ${account}`;
    found.push({ path: ["module"], expected, must: `left out beside ${account}`, got, hint: "a module runs as the daemon does" });
  }
  if (leftover === "adopt") {
    const hint = "a module ends with the daemon that it reports to";
    found.push({ path: ["leftover"], expected: '"stop" for a module', got: '"adopt"', hint });
  }
  return found;
}

function portLack(name: string): Breach {
  return {
    path: ["port"],
    expected: `a port for ${name}, which has {port}`,
    must: `given where ${name} has {port}`,
    got: "nothing",
    hint: "write port = 3000",
  };
}

function probeBreaches(
  { port, instances = defaultIn(SERVICE, "instances") }: ServiceForm,
  ready: ProbeOptions,
  isElseRight: boolean,
): Breach[] {
  const found: Breach[] = [];
  const kinds = PROBE_KINDS.filter((kind) => ready[kind] !== undefined);
  if (kinds.length !== 1) {
    found.push({
      path: ["ready"],
      expected: `exactly one of ${listed(PROBE_KINDS)}`,
      must: `a table with exactly one of ${listed(PROBE_KINDS)}`,
      got: kinds.length === 0 ? "none" : kinds.join(" and "),
      isMissing: kinds.length === 0,
    });
  }
  if (ready.owner !== undefined && ready.http === undefined && ready.tcp === undefined) {
    found.push({
      path: ["ready", "owner"],
      expected: "http or tcp beside owner",
      must: "beside http or tcp",
      got: "neither",
      hint: "remove it: only who listens on a port has an owner",
    });
  }
  const { alive, timeout = defaultIn(READY, "timeout") } = ready;
  if (alive !== undefined && durationMs(alive) >= durationMs(timeout)) {
    const hint = `write a ready.timeout of more than ${alive}`;
    found.push({ path: ["ready", "alive"], expected: `less than ready.timeout (${timeout})`, got: String(alive), hint });
  }
  for (const kind of ["http", "tcp"] as const) {
    const value = ready[kind];
    if (value !== undefined) {
      found.push(...addressBreaches(kind, probeAddress(value), { port, instances, isElseRight: isElseRight && found.length === 0 }));
    }
  }
  return found;
}

/** The address of a tcp probe, which may be a port alone. */
export function probeAddress(value: string | number): string {
  return typeof value === "number" ? `127.0.0.1:${value}` : value;
}

/** Each instance has an address of its own. */
function addressBreaches(
  kind: "http" | "tcp",
  text: string,
  { port, instances, isElseRight }: { port: number | undefined; instances: number; isElseRight: boolean },
): Breach[] {
  const path = ["ready", kind];
  if (text.includes("{port}") && port === undefined) return [portLack(`ready.${kind}`)];
  if (instances > 1 && !text.includes("{port}") && !text.includes("{instance}")) {
    const first = port === undefined ? ", and port = 3000 for the first instance" : "";
    const hint = `write {port} in its place${first}`;
    const must = "another address for each instance, with {port} in it";
    return [{ path, expected: `{port} for ${instances} instances`, must, got: `one fixed port in ${JSON.stringify(text)}`, hint }];
  }
  // Numbers that are written one behind the other can leave the range of ports.
  const last = { port: port === undefined ? undefined : port + instances - 1, instance: instances - 1 };
  if (!isElseRight || isTarget(kind === "http" ? { kind, url: text } : { kind, address: text }, last)) return [];
  return [{ path, expected: `an address for each of ${instances} instances`, got: JSON.stringify(text) }];
}
