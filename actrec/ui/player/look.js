// How the evidence is drawn: what the reader set, kept by the player's key so that it outlives a visit to another page. Python gives and is told the
// part of it that it draws with too: palettes, opacity, threshold and scale, the names of USUAL.
import { DIVERGING, lookup, MARKS, PALETTES, USUAL } from './palettes.js';

const SETTINGS = {
  shown: true,
  ...USUAL,
  smooth: true,
  arrows: true,
  hues: 'direction',
  dots: true,
  strongest: `${MARKS.most}`,
  bones: true,
  lanes: 'curves',
  speed: 1,
  loop: 'off',
  close: false,
};
const settings = new Map();

// The part of the settings that Python draws with, as one text.
const textOf = (set) => JSON.stringify(Object.fromEntries(Object.keys(USUAL).map((name) => [name, set[name]])));

// Every setting is read as look.opacity and changed as look.set.opacity.
export class Look {
  constructor(key) {
    if (!settings.has(key)) settings.set(key, { ...SETTINGS });
    this.set = settings.get(key);
    this.tables = new Map();
    this.unheard = []; // what Python was told and has not answered yet
    for (const name of Object.keys(SETTINGS)) Object.defineProperty(this, name, { get: () => this.set[name] });
  }

  get common() {
    return textOf(this.set);
  }

  // Take the look that Python gives, and say whether that changed anything. What the reader set stays until Python gives another look than before;
  // what it was told comes back from it and is no other look. null: Python does not ask for one.
  take(given) {
    const text = given && textOf(given), heard = this.unheard.indexOf(text);
    if (text === this.given) return false;
    this.given = text;
    if (heard < 0) this.unheard = [];
    else this.unheard.splice(0, heard + 1);
    if (heard >= 0 || !given || text === this.common) return false;
    Object.assign(this.set, given);
    return true;
  }

  // What Python is to be told; null if it knows, or does not ask.
  news() {
    if (!this.given || this.common === (this.unheard.at(-1) ?? this.given)) return null;
    this.unheard.push(this.common);
    return JSON.parse(this.common);
  }

  // A name for the colour table in force.
  tint(signed) {
    return `${signed ? this.diverging : this.palette} ${this.threshold} ${signed}`;
  }

  // The colour table in force, made once per palette and threshold.
  words(signed) {
    const tint = this.tint(signed);
    if (this.tables.size > 8) this.tables.clear();
    if (!this.tables.has(tint)) this.tables.set(tint, lookup(signed ? DIVERGING[this.diverging] : PALETTES[this.palette], signed, this.threshold));
    return this.tables.get(tint);
  }
}
