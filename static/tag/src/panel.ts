// The panel in its frame: sends the events that the page around it hands over, and shows what the server answers.

interface Shown {
  id: string;
  pixel: string;
  name: string;
  reason?: string;
  /** Of the hit's address. */
  query?: string;
}

/** Why an event is not sent, in words. */
const REASONS: Record<string, string> = {
  gpc: 'dropped: Global Privacy Control is on in this browser',
  optout: 'dropped: this browser has opted out on this site',
  prerender: 'waits until the page is shown',
  consent: 'waits for consent: ad_storage or ad_user_data is denied',
  silent: 'waits for the consent platform, at most a second',
  asking: 'waits until the person has answered the consent platform',
};

const list = document.querySelector('ul')!;
const rows = new Map<string, HTMLElement>();

async function show({ id, pixel, name, reason, query }: Shown): Promise<void> {
  const row = rows.get(id) ?? list.appendChild(document.createElement('li'));
  rows.set(id, row);
  const text = reason ? (REASONS[reason] ?? reason) : 'is being sent';
  const fate = line('div', text);
  row.replaceChildren(line('strong', `${name} → ${pixel}`), fate);
  if (query) fate.textContent = await send(query);
  fate.className = fate.textContent!.split(/\W/)[0]!;
}

/** What the server says became of it. */
async function send(query: string): Promise<string> {
  try {
    const answer = await fetch(`/i/adsct${query}`, { credentials: 'include', keepalive: true });
    return answer.headers.get('Pixelgate-Outcome') ?? `no outcome, status ${answer.status}`;
  } catch {
    return 'unreachable: the server cannot be reached';
  }
}

function line(element: string, text: string): HTMLElement {
  const made = document.createElement(element);
  made.textContent = text;
  return made;
}

addEventListener('message', ({ source, data }) => {
  // Pages send their frames all sorts of things.
  if (source == parent && data?.id) void show(data as Shown);
});
document.querySelector('button')!.addEventListener('click', () => parent.postMessage('close', '*'));
parent.postMessage('ready', '*');
