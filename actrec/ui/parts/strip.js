// The frames a model was given, in order, each with its second. A click asks for that frame.
const kept = new WeakMap();

function element(tag, name) {
  const made = globalThis.document.createElement(tag);
  if (name) made.className = name;
  return made;
}

export default function ({ parentElement, data: [data], setTriggerValue }) {
  const root = parentElement.querySelector('.part');
  const told = JSON.stringify(data);
  if (kept.get(root) === told) return;
  kept.set(root, told);
  const group = element('div', 'strip');
  group.setAttribute('aria-label', data.label);
  const count = data.times.length;
  data.times.forEach((time, i) => {
    const button = element('button');
    button.type = 'button';
    button.title = data.hints[i];
    button.setAttribute('aria-label', data.hints[i]);
    const image = element('div', 'image');
    image.style.aspectRatio = data.aspect;
    image.style.backgroundImage = `url("${data.image}")`;
    image.style.backgroundSize = `${100 * count}% 100%`;
    image.style.backgroundPositionX = count > 1 ? `${(100 * i) / (count - 1)}%` : '0';
    const label = element('div', 'time');
    label.textContent = time;
    button.append(image, label);
    button.onclick = () => setTriggerValue('pick', i);
    group.append(button);
  });
  root.replaceChildren(group);
}
