import type * as v from "valibot";
import type { Value } from "./tree.ts";

/** Whether a value is plainly right. Whatever gets no yes here is for valibot to judge, which knows what is wrong with it. */
export type Accepts = (value: Value) => boolean;

/** The parts of valibot's schemas and actions that are looked at here. */
interface Parts {
  kind: string;
  type: string;
  pipe?: readonly Parts[];
  item?: Parts;
  options?: readonly unknown[];
  requirement?: unknown;
}

/**
 * Takes the fast check out of a schema of valibot, for values of one key: it makes no object for a value and stops at the first no.
 *
 * It never says yes to what valibot refuses; to a part that is not known here it always says no.
 */
export function acceptsOf(schema: v.GenericSchema): Accepts {
  return acceptsParts(schema as unknown as Parts);
}

function acceptsParts({ type, pipe, item, options = [] }: Parts): Accepts {
  if (pipe !== undefined) return accepts(pipe.filter(({ kind }) => kind !== "metadata"));
  switch (type) {
    case "string":
      return (value) => typeof value === "string";
    case "boolean":
      return (value) => typeof value === "boolean";
    case "number":
      return (value) => typeof value === "number" && !Number.isNaN(value);
    case "picklist":
      return (value) => options.includes(value);
    case "array": {
      const isItem = acceptsParts(item!);
      return (value) => Array.isArray(value) && value.every(isItem);
    }
    case "union": {
      const ways = (options as readonly Parts[]).map(acceptsParts);
      return (value) => ways.some((isOne) => isOne(value));
    }
    default:
      return () => false;
  }
}

/** All steps of a pipe, the type first: the others may rely on it. */
function accepts([schema, ...actions]: readonly Parts[]): Accepts {
  return actions.reduce((before: Accepts, action): Accepts => {
    const isMet = acceptsAction(action);
    return (value) => before(value) && isMet(value);
  }, acceptsParts(schema));
}

function acceptsAction({ type, requirement }: Parts): Accepts {
  switch (type) {
    case "check":
    case "integer":
    case "finite":
      return requirement as Accepts;
    case "min_value":
      return (value) => (value as number) >= (requirement as number);
    case "max_value":
      return (value) => (value as number) <= (requirement as number);
    case "non_empty":
      return (value) => (value as string).length > 0;
    default:
      return () => false;
  }
}
