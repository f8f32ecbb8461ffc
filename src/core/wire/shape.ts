/** A JSON Schema, as OpenAPI 3.1 has it. */
export type ShapeSchema = Readonly<Record<string, unknown>>;

/** Where a value differs from its shape. */
export interface Mismatch {
  /** Path of what differs, such as `units[0].name`; empty for the value itself. */
  readonly at: string;
  /** The demand on it, to go on after "must be". */
  readonly must: string;
  /** The value that is there. */
  readonly value: unknown;
}

/** A shape of JSON: it checks a value, prints itself as JSON Schema, and carries the type of a value that it accepts. */
export interface Shape<T> {
  /** Its JSON Schema; a shape with a name refers to it there. */
  readonly schema: ShapeSchema;
  /** The schemas of all shapes with a name that it is made of, itself included. */
  readonly named: Readonly<Record<string, ShapeSchema>>;
  /** Whether a field of this shape may be missing. */
  readonly isOptional?: boolean;
  /** Finds where a value differs, undefined where it does not. Fields that the shape does not know are passed over: the other side may be newer. */
  find(value: unknown, at: string): Mismatch | undefined;
  /** Never there: it carries the type. */
  readonly type?: T;
}

/** A shape of a field that may be missing. */
export interface OptionalShape<T> extends Shape<T | undefined> {
  /** It may. */
  readonly isOptional: true;
}

/** Shapes of fields, by name. */
export type Fields = Readonly<Record<string, Shape<unknown>>>;

/** The type of a value that a shape accepts. */
export type Infer<S> = S extends Shape<infer T> ? T : never;

type OptionalKeys<F extends Fields> = { [K in keyof F]: F[K] extends { isOptional: true } ? K : never }[keyof F];

/** The type of an object with such fields. */
export type ObjectOf<F extends Fields> =
  & { [K in Exclude<keyof F, OptionalKeys<F>>]: Infer<F[K]> }
  & { [K in OptionalKeys<F>]?: Exclude<Infer<F[K]>, undefined> };

/** A demand on a text. */
export interface TextOptions {
  /** JSON Schema's name of its format, or our own. */
  format?: string;
  /** Whether it is one. */
  isIt?: (text: string) => boolean;
  /** The demand in words, to go on after "must be". */
  must?: string;
}

type Find = Shape<unknown>["find"];

const NO_PARTS: readonly Shape<unknown>[] = [];

/** A shape whose schema is made when somebody reads it: clients only check. */
class Made<T> implements Shape<T> {
  readonly find: Find;
  readonly #schema: ShapeSchema | (() => ShapeSchema);
  readonly #parts: readonly Shape<unknown>[];
  readonly #about: string | undefined;

  constructor(find: Find, schema: ShapeSchema | (() => ShapeSchema), parts: readonly Shape<unknown>[] = NO_PARTS, about?: string) {
    this.find = find;
    this.#schema = schema;
    this.#parts = parts;
    this.#about = about;
  }

  get schema(): ShapeSchema {
    const schema = typeof this.#schema === "function" ? this.#schema() : this.#schema;
    return this.#about === undefined ? schema : { ...schema, description: this.#about };
  }

  get named(): Readonly<Record<string, ShapeSchema>> {
    return Object.assign({}, ...this.#parts.map(({ named }) => named));
  }
}

class Optional<T> extends Made<T | undefined> implements OptionalShape<T> {
  readonly isOptional = true;
}

class Named<T> extends Made<T> {
  readonly #name: string;
  readonly #inner: Shape<T>;

  constructor(name: string, inner: Shape<T>) {
    super(inner.find, { $ref: `#/components/schemas/${name}` });
    this.#name = name;
    this.#inner = inner;
  }

  override get named(): Readonly<Record<string, ShapeSchema>> {
    return { ...this.#inner.named, [this.#name]: this.#inner.schema };
  }
}

function leaf<T>(schema: ShapeSchema, about: string | undefined, must: string, isIt: (value: unknown) => boolean): Shape<T> {
  return new Made((value, at) => isIt(value) ? undefined : { at, must, value }, schema, undefined, about);
}

function text(about?: string, options: TextOptions = {}): Shape<string> {
  const { format, isIt = () => true, must = "a text" } = options;
  const schema = format === undefined ? { type: "string" } : { type: "string", format };
  return leaf(schema, about, must, (value) => typeof value === "string" && isIt(value));
}

function time(about?: string): Shape<string> {
  return text(about, { format: "date-time", must: "a time", isIt: (value) => !Number.isNaN(Date.parse(value)) });
}

function number(about?: string): Shape<number> {
  return leaf({ type: "number" }, about, "a number", (value) => typeof value === "number");
}

function integer(about?: string, { min, max }: { min?: number; max?: number } = {}): Shape<number> {
  const schema = { type: "integer", ...(min === undefined ? {} : { minimum: min }), ...(max === undefined ? {} : { maximum: max }) };
  const must = `a whole number${min === undefined ? "" : ` from ${min}`}${max === undefined ? "" : ` to ${max}`}`;
  const isWithin = (value: number) => value >= (min ?? -Infinity) && value <= (max ?? Infinity);
  return leaf(schema, about, must, (value) => Number.isInteger(value) && isWithin(value as number));
}

function flag(about?: string): Shape<boolean> {
  return leaf({ type: "boolean" }, about, "true or false", (value) => typeof value === "boolean");
}

/** One of several words. With `more`, whatever else begins so is passed over, as a newer side may have further ones. */
function oneOf<const T extends string | number>(values: readonly T[], about?: string, { more }: { more?: string } = {}): Shape<T> {
  const must = values.length > 2 ? `one of ${values.join(", ")}` : values.join(" or ");
  const isLater = (value: unknown) => more !== undefined && typeof value === "string" && value.startsWith(more);
  return leaf({ enum: values }, about, must, (value) => values.includes(value as T) || isLater(value));
}

/** Any value that JSON has. */
function anything(about?: string): Shape<unknown> {
  return leaf({}, about, "anything", () => true);
}

function list<T>(item: Shape<T>, about?: string, options: { isNotEmpty?: boolean; must?: string } = {}): Shape<T[]> {
  const { isNotEmpty = false, must = "a list" } = options;
  const find: Find = (value, at) => {
    if (!Array.isArray(value) || (isNotEmpty && value.length === 0)) return { at, must, value };
    for (let index = 0; index < value.length; index++) {
      const mismatch = item.find(value[index], `${at}[${index}]`);
      if (mismatch !== undefined) return mismatch;
    }
    return undefined;
  };
  return new Made(find, () => ({ type: "array", items: item.schema, ...(isNotEmpty ? { minItems: 1 } : {}) }), [item], about);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Values of one shape under whatever names. */
function map<T>(item: Shape<T>, about?: string): Shape<Readonly<Record<string, T>>> {
  const find: Find = (value, at) => {
    if (!isObject(value)) return { at, must: "an object", value };
    for (const key of Object.keys(value)) {
      const mismatch = item.find(value[key], under(at, key));
      if (mismatch !== undefined) return mismatch;
    }
    return undefined;
  };
  return new Made(find, () => ({ type: "object", additionalProperties: item.schema }), [item], about);
}

function object<F extends Fields>(fields: F, about?: string): Shape<ObjectOf<F>> {
  const entries = Object.entries(fields);
  const find: Find = (value, at) => {
    if (!isObject(value)) return { at, must: "an object", value };
    for (const [key, shape] of entries) {
      // Of its own: a name such as "constructor" is no field that came over the wire.
      const own = Object.hasOwn(value, key) ? value[key] : undefined;
      const mismatch = own === undefined && shape.isOptional ? undefined : shape.find(own, under(at, key));
      if (mismatch !== undefined) return mismatch;
    }
    return undefined;
  };
  const schema = () => ({
    type: "object",
    properties: Object.fromEntries(entries.map(([key, { schema }]) => [key, schema])),
    required: entries.flatMap(([key, { isOptional }]) => isOptional ? [] : [key]),
  });
  return new Made(find, schema, Object.values(fields), about);
}

function under(at: string, key: string): string {
  return at === "" ? key : `${at}.${key}`;
}

function optional<T>(inner: Shape<T>): OptionalShape<T> {
  return new Optional(inner.find, () => inner.schema, [inner]);
}

function nullable<T>(inner: Shape<T>): Shape<T | null> {
  const schema = () => {
    const { description, ...rest } = inner.schema;
    const both = typeof rest.type === "string" ? { ...rest, type: [rest.type, "null"] } : { anyOf: [rest, { type: "null" }] };
    return description === undefined ? both : { ...both, description };
  };
  return new Made((value, at) => value === null ? undefined : inner.find(value, at), schema, [inner]);
}

/** Gives a shape a name: that of its type, and of its schema in a document. */
function named<T>(name: string, inner: Shape<T>): Shape<T> {
  return new Named(name, inner);
}

/** The same shape, said in other words where it stands for a certain thing. */
function told<T>(inner: Shape<T>, about: string): Shape<T> {
  return new Made(inner.find, () => inner.schema, [inner], about);
}

/**
 * One of several shapes, told apart by the text in one of their fields. A case whose name ends with `*` is that of all texts that begin so;
 * `otherwise` is the shape of those that only a newer side knows.
 */
function byText<C extends Fields>(
  field: string,
  cases: C,
  { about, otherwise }: { about?: string; otherwise?: Shape<unknown> } = {},
): Shape<Infer<C[keyof C]>> {
  const prefixes = Object.keys(cases).filter((key) => key.endsWith("*"));
  const head = object({ [field]: text() });
  const find: Find = (value, at) => {
    const mismatch = head.find(value, at);
    if (mismatch !== undefined) return mismatch;
    const word = (value as Record<string, string>)[field];
    const key = Object.hasOwn(cases, word) ? word : prefixes.find((prefix) => word.startsWith(prefix.slice(0, -1)));
    const found = key === undefined ? otherwise : cases[key];
    if (found === undefined) return { at: under(at, field), must: `one of ${Object.keys(cases).join(", ")}`, value: word };
    return found.find(value, at);
  };
  const all = Object.values(cases);
  return new Made(find, () => ({ oneOf: all.map(({ schema }) => schema) }), all, about);
}

/** A value of the first shape, or else of the second one, which says what is wrong. */
function either<A, B>(first: Shape<A>, second: Shape<B>): Shape<A | B> {
  const find: Find = (value, at) => first.find(value, at) === undefined ? undefined : second.find(value, at);
  return new Made(find, () => ({ anyOf: [first.schema, second.schema] }), [first, second]);
}

/** Tells a mismatch in a sentence: `units[0].name must be a text`. */
export function mismatchText({ at, must }: Mismatch): string {
  return `${at === "" ? "it" : at} must be ${must}`;
}

/** The words of the language; none of them looks further than at one value. */
export const shape = {
  text,
  time,
  number,
  integer,
  flag,
  oneOf,
  anything,
  list,
  map,
  object,
  optional,
  nullable,
  named,
  told,
  either,
  byText,
};
