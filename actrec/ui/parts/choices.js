// One choice out of several: rows with a line of explanation each, or tiles with a picture. Text is text; nothing here is read as HTML.
const kept = new WeakMap();

function element(tag, name, text) {
  const made = globalThis.document.createElement(tag);
  if (name) made.className = name;
  if (text) made.textContent = text;
  return made;
}

// Which of `frames` pictures lies under the pointer, `x` pixels from the left of all `width` of them.
export const pictureAt = (x, width, frames) => Math.max(0, Math.min(frames - 1, Math.floor((x / width) * frames)));

// The number of the choice that a key goes to, from number `at` of `count`, round the ends; null if the key is none of the arrows.
export function afterKey(key, at, count) {
  const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[key];
  return step ? (at + step + count) % count : null;
}

function leaf(image, frames) {
  // A picture is `frames` pictures side by side; the pointer's place across it chooses one.
  const show = (i) => {
    image.style.backgroundPositionX = frames > 1 ? `${(100 * i) / (frames - 1)}%` : '0';
  };
  image.style.backgroundSize = `${100 * frames}% 100%`;
  show(Math.floor(frames / 2));
  return show;
}

function tile(button, item) {
  const image = element('div', 'image');
  if (item.image) {
    image.style.backgroundImage = `url("${item.image}")`;
    const show = leaf(image, item.frames);
    button.onpointermove = (event) => {
      const box = image.getBoundingClientRect();
      show(pictureAt(event.clientX - box.left, box.width, item.frames));
    };
    button.onpointerleave = () => show(Math.floor(item.frames / 2));
  }
  button.append(image, element('div', 'title', item.title));
  button.title = item.title;
}

function row(button, item) {
  button.append(element('span', 'title', item.title));
  const line = item.reason || item.line;
  if (line) button.append(element('span', 'line', line));
}

export default function ({ parentElement, data: [data], setTriggerValue }) {
  const root = parentElement.querySelector('.part');
  const state = kept.get(root) || {};
  kept.set(root, state);
  state.send = setTriggerValue;
  const told = JSON.stringify([data.items, data.layout, data.label]);
  if (state.told !== told) {
    state.told = told;
    const focus = parentElement.activeElement && parentElement.activeElement.dataset.id;
    const group = element('div', data.layout);
    group.setAttribute('role', 'radiogroup');
    group.setAttribute('aria-label', data.label);
    state.buttons = data.items.map((item) => {
      const button = element('button');
      button.type = 'button';
      button.dataset.id = item.id;
      button.setAttribute('role', 'radio');
      if (item.reason) button.setAttribute('aria-disabled', 'true');
      (data.layout === 'tiles' ? tile : row)(button, item);
      button.onclick = () => {
        if (item.reason) return;
        state.mark(item.id);
        state.send('pick', item.id);
      };
      return button;
    });
    group.onkeydown = (event) => {
      const to = afterKey(event.key, state.buttons.indexOf(parentElement.activeElement), state.buttons.length);
      if (to === null) return;
      event.preventDefault();
      const next = state.buttons[to];
      state.buttons.forEach((button) => {
        button.tabIndex = button === next ? 0 : -1;
      });
      next.focus();
    };
    group.append(...state.buttons);
    root.replaceChildren(group);
    if (focus) state.buttons.find((button) => button.dataset.id === focus)?.focus();
  }
  state.mark = (id) => {
    const any = state.buttons.some((button) => button.dataset.id === id);
    state.buttons.forEach((button, i) => {
      button.setAttribute('aria-checked', String(button.dataset.id === id));
      button.tabIndex = button.dataset.id === id || (!any && i === 0) ? 0 : -1;
    });
  };
  state.mark(data.chosen);
}
