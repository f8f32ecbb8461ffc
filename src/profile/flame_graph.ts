import type { CallNode, CpuProfile } from "./cpu_profile.ts";

/** Settings of {@linkcode flameGraph}. */
export interface FlameGraphOptions {
  /** Headline. @default {"CPU"} */
  title?: string;
  /** Width of the picture in pixels. @default {1_200} */
  width?: number;
}

const ROW_HEIGHT = 17;
const MARGIN = 10;
const HEAD_HEIGHT = 50;
/** Width of a letter of the font that is asked for, 11 px monospace. */
const LETTER_WIDTH = 6.6;
/** A narrower place is not drawn, as nobody could see it. */
const LEAST_WIDTH = 0.3;

/** A function over a stretch of time, at one depth of the stack. */
interface Bar {
  name: string;
  where: string;
  x: number;
  width: number;
  depth: number;
  selfUs: number;
  totalUs: number;
}

/**
 * Draws a profile as a flame graph, an SVG that stands alone: the root at the bottom, as wide as the time that was spent; the calls of a
 * function above it. Calls of one function from one place are one bar, the widest first. A bar under the pointer tells its name, file and times.
 *
 * Source: Brendan Gregg, The Flame Graph, Communications of the ACM 59(6), 2016.
 */
export function flameGraph(profile: CpuProfile, options: FlameGraphOptions = {}): string {
  const { title = "CPU", width = 1_200 } = options;
  const wholeUs = profile.root.totalUs;
  const bars = wholeUs === 0 ? [] : barsOf(profile.root, (width - 2 * MARGIN) / wholeUs);
  const depth = bars.reduce((most, bar) => Math.max(most, bar.depth), 0);
  const height = HEAD_HEIGHT + (depth + 1) * ROW_HEIGHT + MARGIN;
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" ` +
    `font-family="monospace" font-size="11">`,
    "<style>rect:hover{stroke:#000;stroke-width:1}text{pointer-events:none}</style>",
    `<rect width="100%" height="100%" fill="#fff"/>`,
    `<text x="${MARGIN}" y="20" font-size="15">${escapeXml(title)}</text>`,
    `<text x="${MARGIN}" y="38" fill="#666">${
      wholeUs === 0 ? "no function was seen running" : `${milliseconds(wholeUs)} at work in ${milliseconds(profile.durationUs)}`
    }</text>`,
  ];
  for (const bar of bars) parts.push(drawn(bar, height - MARGIN - (bar.depth + 1) * ROW_HEIGHT, wholeUs));
  return `${parts.join("\n")}\n</svg>\n`;
}

/** Lays out the tree, breadth first; calls of one function from one place are put together. */
function barsOf(root: CallNode, pixelsPerUs: number): Bar[] {
  const bars: Bar[] = [];
  const waiting: { nodes: CallNode[]; x: number; depth: number }[] = [{ nodes: [root], x: MARGIN, depth: 0 }];
  for (const { nodes, x, depth } of waiting) {
    const totalUs = nodes.reduce((sum, node) => sum + node.totalUs, 0);
    const width = totalUs * pixelsPerUs;
    if (width < LEAST_WIDTH) continue;
    const { name, file, line } = nodes[0].frame;
    const selfUs = nodes.reduce((sum, node) => sum + node.selfUs, 0);
    const where = file === "" ? "" : line === 0 ? file : `${file}:${line}`;
    bars.push({ name: depth === 0 ? "all" : name, where, x, width, depth, selfUs, totalUs });
    const calls = Map.groupBy(nodes.flatMap((node) => node.children), ({ frame }) => `${frame.name}\n${frame.file}\n${frame.line}`);
    const sorted = [...calls.values()].map((same) => ({ same, us: same.reduce((sum, node) => sum + node.totalUs, 0) }))
      .sort((a, b) => b.us - a.us);
    let childX = x;
    for (const { same, us } of sorted) {
      waiting.push({ nodes: same, x: childX, depth: depth + 1 });
      childX += us * pixelsPerUs;
    }
  }
  return bars;
}

function drawn({ name, where, x, width, selfUs, totalUs }: Bar, y: number, wholeUs: number): string {
  const share = (totalUs / wholeUs * 100).toFixed(1);
  const facts = `${name}${where === "" ? "" : `\n${where}`}\n${milliseconds(totalUs)}, ${share} %; itself ${milliseconds(selfUs)}`;
  const letters = Math.floor((width - 6) / LETTER_WIDTH);
  const label = letters < 3 ? "" : name.length <= letters ? name : `${name.slice(0, letters - 1)}…`;
  return `<g><title>${escapeXml(facts)}</title>` +
    `<rect x="${x.toFixed(1)}" y="${y}" width="${width.toFixed(1)}" height="${ROW_HEIGHT - 1}" rx="1" fill="${colorOf(name + where)}"/>` +
    `${label === "" ? "" : `<text x="${(x + 3).toFixed(1)}" y="${y + 12}">${escapeXml(label)}</text>`}</g>`;
}

/** A warm colour, the same for a function wherever it stands. */
function colorOf(text: string): string {
  let hash = 0;
  for (let index = 0; index < text.length; index++) hash = (hash * 31 + text.charCodeAt(index)) >>> 0;
  return `hsl(${hash % 50},${75 + hash % 20}%,${62 + hash % 12}%)`;
}

function milliseconds(us: number): string {
  return us < 10_000 ? `${(us / 1_000).toFixed(1)} ms` : `${Math.round(us / 1_000)} ms`;
}

/** A text in XML: a character that has no place there becomes "?". */
function escapeXml(text: string): string {
  return text.toWellFormed().replace(/[^\P{Cc}\t\n\r]|[\ufffe\uffff]/gu, "?")
    .replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
