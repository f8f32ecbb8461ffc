import assert from "node:assert/strict";
import { Profile } from "pprof-format";
import { readCpuProfile } from "../../src/profile/cpu_profile.ts";
import { cpuProfileAs } from "../../src/profile/formats.ts";
import { pprofOf } from "../../src/profile/pprof.ts";
import { test } from "../harness.ts";

const frame = (functionName: string, lineNumber: number = 0) => ({ functionName, url: "file:///app.ts", lineNumber });
const TEXT = JSON.stringify({
  nodes: [
    { id: 1, callFrame: { functionName: "(root)", url: "", lineNumber: -1 }, children: [2, 3] },
    { id: 2, callFrame: frame("work", 4), children: [4] },
    { id: 3, callFrame: frame("inner", 9) },
    { id: 4, callFrame: frame("inner", 9) },
  ],
  startTime: 0,
  endTime: 100_000,
  samples: [2, 4, 4, 3],
  timeDeltas: [1_000, 2_000, 3_000, 4_000],
});

async function decoded(bytes: Uint8Array<ArrayBuffer>): Promise<Profile> {
  const plain = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return Profile.decode(new Uint8Array(await new Response(plain).arrayBuffer()));
}

test("pprofOf writes each stack, the innermost call first, with its samples and its nanoseconds", async () => {
  const profile = await decoded(await pprofOf(readCpuProfile(TEXT)));
  const text = (index: number | bigint) => profile.stringTable.strings[Number(index)];
  const nameAt = (id: number | bigint) =>
    text(profile.function.find((each) => each.id === profile.location.find((at) => at.id === id)!.line[0].functionId)!.name);
  assert.deepEqual(profile.sampleType.map(({ type, unit }) => [text(type), text(unit)]), [["samples", "count"], ["cpu", "nanoseconds"]]);
  assert.deepEqual(profile.sample.map(({ locationId, value }) => [locationId.map(nameAt), value.map(Number)]), [
    [["work"], [1, 1_000_000]],
    [["inner"], [1, 4_000_000]],
    [["inner", "work"], [2, 5_000_000]],
  ]);
  assert.deepEqual(profile.function.map(({ name, filename, startLine }) => [text(name), text(filename), Number(startLine)]), [
    ["work", "file:///app.ts", 5],
    ["inner", "file:///app.ts", 10],
  ]);
  assert.equal(Number(profile.durationNanos), 100_000_000);
  assert.equal(Number(profile.period), 2_500_000);
});

test("cpuProfileAs goes by the name of the file", async () => {
  const plain = new TextDecoder();
  assert.equal(plain.decode(await cpuProfileAs("a.cpuprofile", TEXT, "t")), TEXT);
  assert.match(plain.decode(await cpuProfileAs("a.svg", TEXT, "t")), /^<svg /);
  for (const name of ["a.pb.gz", "a.pprof"]) assert.equal((await decoded(await cpuProfileAs(name, TEXT, "t"))).sample.length, 3);
  await assert.rejects(cpuProfileAs("a.svg", "{}", "t"), { code: "PROFILING_FAILED" });
  assert.equal(plain.decode(await cpuProfileAs("a.json", "{}", "t")), "{}");
});
