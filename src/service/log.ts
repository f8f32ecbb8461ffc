import { isDevicePath, resolvePath } from "../core/values/paths.ts";
import { expand } from "./environment.ts";
import type { OutputSettings } from "../core/wire/unit_output.ts";
import type { ServiceSpec } from "./spec.ts";

/** Names of the units of a service, by the number of the instance. */
export function unitNames({ name, instances }: Pick<ServiceSpec, "name" | "instances">): string[] {
  return instances === 1 ? [name] : Array.from({ length: instances }, (_, instance) => `${name}@${instance}`);
}

/** Log settings of each unit of a service: the same, but for `{port}` and `{instance}` in the name of the file. */
export function unitLogs(spec: ServiceSpec): { unit: string; log: OutputSettings }[] {
  const { port, log } = spec;
  return unitNames(spec).map((unit, instance) => {
    const placeholders = { port: port === undefined ? undefined : port + instance, instance };
    return { unit, log: { ...log, file: log.file === undefined ? undefined : expand(log.file, placeholders) } };
  });
}

const NUMBER = /\.\d+$/;
const isNumbered = (file: string) => NUMBER.test(file);
const withoutNumber = (file: string) => file.replace(NUMBER, "");

/** A unit whose log file is that of another one before it. */
export interface SameFile {
  /** Name of its service. */
  service: string;
  /** The unit. */
  unit: string;
  /** The unit that writes the file already. */
  other: string;
  /** The file. */
  file: string;
}

/**
 * The first unit of each service that would write what another one writes, or what `taken` names with its writer; also one that ends in
 * the number of an older file of another, which rotation would write or remove. Devices are for all.
 */
export function sameFiles(specs: readonly ServiceSpec[], taken: Readonly<Record<string, string>> = {}): SameFile[] {
  const writers = new Map(Object.entries(taken).map(([file, writer]) => [resolvePath("/", file), writer]));
  const numbered = new Map([...writers].flatMap(([file, writer]) => isNumbered(file) ? [[withoutNumber(file), writer] as const] : []));
  const found: SameFile[] = [];
  for (const spec of specs) {
    if (spec.log.file === undefined) continue;
    for (const { unit, log } of unitLogs(spec)) {
      const file = resolvePath("/", log.file!);
      if (isDevicePath(file)) continue;
      const other = writers.get(file) ?? writers.get(withoutNumber(file)) ?? numbered.get(file);
      if (other === undefined) {
        writers.set(file, unit);
        if (isNumbered(file)) numbered.set(withoutNumber(file), unit);
      } else if (found.at(-1)?.service !== spec.name) found.push({ service: spec.name, unit, other, file: log.file! });
    }
  }
  return found;
}
