// How the evidence is drawn: what the reader set, kept by the player's key so that it outlives a visit to another page.
import { DIVERGING, lookup, PALETTES } from './palettes.js';

const SETTINGS = {
  shown: true,
  palette: Object.keys(PALETTES)[0],
  diverging: Object.keys(DIVERGING)[0],
  opacity: 0.75,
  threshold: 0,
  scale: 'clip',
  smooth: true,
  arrows: true,
  dots: true,
  strongest: '64',
  bones: true,
  lanes: 'curves',
  speed: 1,
  loop: 'off',
  close: false,
};
const settings = new Map();

// Every setting is read as look.opacity and changed as look.set.opacity.
export class Look {
  constructor(key) {
    if (!settings.has(key)) settings.set(key, { ...SETTINGS });
    this.set = settings.get(key);
    this.tables = new Map();
    for (const name of Object.keys(SETTINGS)) Object.defineProperty(this, name, { get: () => this.set[name] });
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
