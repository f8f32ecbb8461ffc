import assert from "node:assert/strict";
import { placesOf, readCpuProfile } from "../../src/profile/cpu_profile.ts";
import { flameGraph } from "../../src/profile/flame_graph.ts";
import { getHost } from "../../src/platform/mod.ts";
import { test } from "../harness.ts";

const frame = (functionName: string, lineNumber: number = 0) => ({ functionName, url: "file:///app.ts", lineNumber });
const PROFILE = JSON.stringify({
  nodes: [
    { id: 1, callFrame: { functionName: "(root)", url: "", lineNumber: -1 }, children: [2, 3, 5] },
    { id: 2, callFrame: frame("(idle)", -1) },
    { id: 3, callFrame: frame("work", 4), children: [4] },
    { id: 4, callFrame: frame("<inner>", 9) },
    { id: 5, callFrame: frame("", 20) },
  ],
  startTime: 1_000,
  endTime: 101_000,
  samples: [2, 3, 4, 4, 5, 9],
  timeDeltas: [50_000, 10_000, 15_000, 15_000, -3, 1],
});

test("readCpuProfile sums the time of each function, without the time in which nothing ran", () => {
  const { root, durationUs } = readCpuProfile(PROFILE);
  assert.equal(durationUs, 100_000);
  assert.deepEqual(
    placesOf(root).map(({ frame: { name, line }, parent, selfUs, totalUs, samples }) => [
      parent?.frame.name,
      name,
      line,
      selfUs,
      totalUs,
      samples,
    ]),
    [
      [undefined, "(root)", 0, 0, 40_000, 0],
      ["(root)", "(idle)", 0, 0, 0, 0],
      ["(root)", "work", 5, 10_000, 40_000, 1],
      ["(root)", "(anonymous)", 21, 0, 0, 1],
      ["work", "<inner>", 10, 30_000, 30_000, 2],
    ],
  );
});

test("readCpuProfile says what is wrong with a text that is no profile", () => {
  const rows: [string, RegExp][] = [
    ["{", /Cannot read the profile as /],
    ["null", /lacks "nodes"/],
    ['{"nodes":[]}', /lacks "nodes", "startTime" or "endTime"/],
    ['{"nodes":[],"startTime":0,"endTime":1}', /it has no root/],
    ['{"nodes":[{"id":1}],"startTime":0,"endTime":1}', /a node has no number or no function/],
    ['{"nodes":[{"id":1,"callFrame":{"functionName":"a"},"children":[1]}],"startTime":0,"endTime":1}', /it has no root/],
  ];
  for (const [text, message] of rows) assert.throws(() => readCpuProfile(text), message);
});

test("readCpuProfile takes a stack of 20,000 calls", () => {
  const nodes = Array.from({ length: 20_000 }, (_, index) => ({ id: index, callFrame: frame(`f${index}`), children: [index + 1] }));
  const { root } = readCpuProfile(JSON.stringify({ nodes, startTime: 0, endTime: 5, samples: [19_999], timeDeltas: [5] }));
  assert.equal(root.totalUs, 5);
  assert.match(flameGraph({ root, durationUs: 5, startUs: 0 }), /f19999/);
});

test("flameGraph draws each function as wide as its time, and escapes whatever a name holds", () => {
  const svg = flameGraph(readCpuProfile(PROFILE), { title: 'a "b" <c>', width: 1_020 });
  assert.match(svg, /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" width="1020"/);
  assert.ok(svg.includes("a &quot;b&quot; &lt;c&gt;"));
  assert.ok(svg.includes("40 ms at work in 100 ms"));
  assert.match(svg, /<title>work\nfile:\/\/\/app\.ts:5\n40 ms, 100\.0 %; itself 10 ms<\/title><rect x="10\.0" y="\d+" width="1000\.0"/);
  assert.match(
    svg,
    /<title>&lt;inner&gt;\nfile:\/\/\/app\.ts:10\n30 ms, 75\.0 %; itself 30 ms<\/title><rect x="10\.0" y="\d+" width="750\.0"/,
  );
  assert.ok(!svg.includes("(idle)"));
  assert.match(
    flameGraph(readCpuProfile('{"nodes":[{"id":1,"callFrame":{"functionName":"(root)"}}],"startTime":0,"endTime":1}')),
    /no function was seen running/,
  );
});

test("flameGraph draws what this runtime records", async () => {
  const { profiler } = await getHost();
  const recording = await profiler.startCpu();
  let sum = 0;
  const untilMs = performance.now() + 50;
  while (performance.now() < untilMs) for (let index = 0; index < 10_000; index++) sum += Math.sqrt(index);
  assert.ok(sum > 0);
  const profile = readCpuProfile(await recording.stop());
  assert.ok(profile.root.totalUs > 0);
  assert.match(flameGraph(profile), /<title>[^<]+flame_graph_test\.ts/);
});
