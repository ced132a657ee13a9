// What Python knows: import this before any file of the player, which needs the palettes. tests/test_javascript.py writes the file.
const path = Deno.env.get('ACTREC_FACTS');
if (!path) throw new Error('run these tests by: python -m pytest tests/test_javascript.py');

export const facts = JSON.parse(Deno.readTextFileSync(path), (_, value) => value === 'NaN' ? NaN : value);
export const joined = new URL(path.replace(/facts\.json$/, 'player.js'), 'file:///').href;
globalThis.OVERLAY = facts.overlay;

// A generator of the same numbers in every run, 0 … 1 (mulberry32).
export function random(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
