import { Function as PprofFunction, Line, Location, Profile, Sample, StringTable, ValueType } from "pprof-format";
import { type CallNode, type CpuProfile, placesOf } from "./cpu_profile.ts";

/**
 * Writes a profile as pprof reads it (`go tool pprof`), compressed: for each stack how often it was seen, and its nanoseconds.
 *
 * Source: https://github.com/google/pprof/blob/main/proto/profile.proto.
 */
export async function pprofOf(profile: CpuProfile): Promise<Uint8Array<ArrayBuffer>> {
  const strings = new StringTable();
  const functions: PprofFunction[] = [];
  const locations: Location[] = [];
  const samples: Sample[] = [];
  const functionIds = new Map<string, number>();
  const locationIds = new Map<CallNode, number>();
  const locationOf = (place: CallNode): number => {
    const known = locationIds.get(place);
    if (known !== undefined) return known;
    const { name, file, line } = place.frame;
    const key = `${name}\n${file}\n${line}`;
    const functionId = functionIds.get(key) ?? functions.length + 1;
    if (functionId > functions.length) {
      functionIds.set(key, functionId);
      const nameIndex = strings.dedup(name);
      functions.push(
        new PprofFunction({ id: functionId, name: nameIndex, systemName: nameIndex, filename: strings.dedup(file), startLine: line }),
      );
    }
    // All places of one function share a location, as nothing else tells them apart.
    if (functionId > locations.length) locations.push(new Location({ id: functionId, line: [new Line({ functionId, line })] }));
    locationIds.set(place, functionId);
    return functionId;
  };
  for (const place of placesOf(profile.root)) {
    if (place.samples === 0) continue;
    const stack: number[] = [];
    // The root is no function. The innermost call comes first.
    for (let at = place; at.parent !== undefined; at = at.parent) stack.push(locationOf(at));
    if (stack.length > 0) samples.push(new Sample({ locationId: stack, value: [place.samples, Math.round(place.selfUs * 1_000)] }));
  }
  const seen = samples.reduce((sum, { value }) => sum + Number(value[0]), 0);
  const nanoseconds = samples.reduce((sum, { value }) => sum + Number(value[1]), 0);
  const valueType = (type: string, unit: string) => new ValueType({ type: strings.dedup(type), unit: strings.dedup(unit) });
  const encoded = new Profile({
    sampleType: [valueType("samples", "count"), valueType("cpu", "nanoseconds")],
    sample: samples,
    location: locations,
    function: functions,
    stringTable: strings,
    durationNanos: Math.round(profile.durationUs * 1_000),
    periodType: valueType("cpu", "nanoseconds"),
    period: seen === 0 ? 0 : Math.round(nanoseconds / seen),
  }).encode();
  const compressed = new Blob([new Uint8Array(encoded)]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(compressed).arrayBuffer());
}
