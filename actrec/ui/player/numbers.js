// Numbers: how they come from Python, and how they are written for a reader.

// A typed array from its base64 text (little-endian, as numpy writes it).
export function decode(text, Type) {
  const bytes = Uint8Array.fromBase64 ? Uint8Array.fromBase64(text) : Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  return new Type(bytes.buffer);
}

export const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

// Three significant digits, written as Python's :.3g writes them, with a true minus sign.
export function number(value) {
  if (!Number.isFinite(value)) return '–';
  if (value === 0) return '0';
  const power = Math.floor(Math.log10(Math.abs(+value.toPrecision(3))));
  let text = String(+value.toPrecision(3));
  if (power < -4 || power >= 3) {
    const [digits, exponent] = value.toExponential(2).split('e');
    text = `${+digits}e${exponent[0]}${exponent.slice(1).padStart(2, '0')}`;
  }
  return text.replace(/^-/, '−');
}

// A value and a unit, for reading.
export const amount = (value, unit) => Number.isNaN(value) ? '–' : `${number(value)}${unit && unit.length < 9 ? ` ${unit}` : ''}`;

// Seconds as a clock would say them; places: digits behind the point.
export function clock(seconds, places = 0) {
  const rounded = +seconds.toFixed(places); // first, so that 59.9996 s read 1:00.000
  if (rounded < 60) return rounded.toFixed(places);
  const minutes = Math.floor(rounded / 60), rest = (rounded - 60 * minutes).toFixed(places);
  return `${minutes}:${rest.padStart(places ? places + 3 : 2, '0')}`;
}
