// Horizontal bars of probabilities. A click takes a class to explain, a click with shift (or shift and Enter) the class to hold against it.
const kept = new WeakMap();

function element(name, text) {
  const made = globalThis.document.createElement(name === 'bar' ? 'button' : 'span');
  made.className = name;
  if (text !== undefined) made.textContent = text;
  if (name === 'track' || name === 'fill') made.style.display = 'block';
  return made;
}

function bar(item, clickable, send) {
  const button = element('bar');
  button.type = 'button';
  button.dataset.id = item.label;
  if (item.role) button.dataset.role = item.role;
  button.title = item.hint;
  button.setAttribute('aria-label', item.hint);
  const track = element('track');
  const fill = element('fill');
  fill.style.width = `${Math.max(0, Math.min(100, 100 * item.share))}%`;
  track.append(fill);
  button.append(element('name', item.label), track, element('share', item.text));
  if (clickable) button.onclick = (event) => send('pick', { label: item.label, versus: event.shiftKey });
  else {
    button.tabIndex = -1;
    button.classList.add('still');
  }
  return button;
}

export default function ({ parentElement, data: [data], setTriggerValue }) {
  const root = parentElement.querySelector('.part');
  const told = JSON.stringify(data);
  if (kept.get(root) === told) return;
  kept.set(root, told);
  const focus = parentElement.activeElement && parentElement.activeElement.dataset.id;
  const group = globalThis.document.createElement('div');
  group.className = 'bars';
  group.setAttribute('role', 'group');
  group.setAttribute('aria-label', data.label);
  const bars = data.rows.map((item) => bar(item, data.clickable, setTriggerValue));
  group.append(...bars);
  root.replaceChildren(group);
  if (focus) bars.find((button) => button.dataset.id === focus)?.focus();
}
