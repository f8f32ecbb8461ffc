/** Result of expanding a text with `${VAR}` in it. */
export interface Expansion {
  /** The text with every variable replaced. */
  text: string;
  /** Whether anything was replaced. */
  isExpanded: boolean;
  /** Variables that are not set and have no default, and parts that look like variables and are none. */
  problems: { name: string; kind: "undefined" | "malformed" }[];
}

const PART = /\$\$\{|\$\{([^}]*)\}?/g;
const VARIABLE = /^([A-Za-z_][A-Za-z0-9_]*)(?::-([\s\S]*))?$/;

/**
 * Replaces `${VAR}` and `${VAR:-default}` in a text; `$${` stands for `${`, and every other `$` for itself.
 *
 * The default counts when the variable is not set or empty.
 */
export function expandVariables(text: string, variables: Readonly<Record<string, string | undefined>>): Expansion {
  const problems: Expansion["problems"] = [];
  let isExpanded = false;
  const expanded = !text.includes("${") ? text : text.replace(PART, (whole, inside: string | undefined) => {
    if (inside === undefined) return "${";
    const [, name, fallback] = (whole.endsWith("}") && VARIABLE.exec(inside)) || [];
    if (name === undefined) problems.push({ name: whole, kind: "malformed" });
    else {
      isExpanded = true;
      const value = Object.hasOwn(variables, name) ? variables[name] : undefined;
      if (fallback !== undefined) return value === undefined || value === "" ? fallback : value;
      if (value !== undefined) return value;
      problems.push({ name, kind: "undefined" });
    }
    return whole;
  });
  return { text: expanded, isExpanded, problems };
}
