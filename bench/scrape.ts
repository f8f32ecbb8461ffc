/** How long an answer to /metrics takes for a hundred services, and one to /readyz; run by either runtime. */
import { controlHandler } from "../src/control/mod.ts";
import { silentLogger } from "../src/core/ports/log.ts";
import { FakeOperations, fakeUnit } from "../tests/control/fake_operations.ts";

const ROUNDS = 500;
const details = { spawnFailures: 0, lastExit: { code: 1, signal: null } };
const operations = new FakeOperations(Array.from({ length: 100 }, (_, index) => fakeUnit(`service-${index}`, { ready: true, details })));
const handler = controlHandler({ operations, version: "0.0.0", protocol: 1, log: silentLogger });

for (const path of ["/metrics", "/readyz"]) {
  const tookMs: number[] = [];
  let lines: string[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const startMs = performance.now();
    const text = await (await handler(new Request(`http://localhost${path}`))).text();
    tookMs.push(performance.now() - startMs);
    lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  }
  const [first] = tookMs;
  tookMs.sort((a, b) => a - b);
  const at = (share: number) => `${tookMs[Math.floor(ROUNDS * share)].toFixed(2)} ms`;
  console.log(`${path}: ${lines.length} lines, first ${first.toFixed(2)} ms, p50 ${at(0.5)}, p95 ${at(0.95)}`);
}
