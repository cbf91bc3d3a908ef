// The page of `topwork serve`: photos in, answers out, all by the server's plain dialect.
const SHOWN_LABELS = 5, NEAREST = 6, LIVE_PAUSE_MS = 400;
const at = (id) => document.getElementById(id);
const cards = at('answers');
let models = [];
let asking = 0;

function tell(text) {
  at('notice').textContent = text;
  at('notice').hidden = !text;
}

function headers(more = {}) {
  const token = sessionStorage.getItem('token');
  return token ? { ...more, Authorization: `Bearer ${token}` } : more;
}

// The server's JSON; fails with its own sentence.
async function ask(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, { ...options, headers: headers(options.headers) });
  } catch {
    throw new Error('The server does not answer.');
  }
  const text = await answer.text();
  let json = {};
  try {
    json = JSON.parse(text);
  } catch {
    throw new Error(`The server answered ${answer.status} and no JSON.`);
  }
  if (answer.status === 401)
    at('token-form').hidden = false;
  if (!answer.ok)
    throw new Error(json.error?.message ?? json.error ?? `The server answered ${answer.status}.`);
  return json;
}

function option(value, text, selected) {
  const made = document.createElement('option');
  made.value = value;
  made.textContent = text;
  made.selected = selected;
  return made;
}

function chosen() {
  const model = at('model').value, version = at('version').value;
  return version ? `${encodeURIComponent(model)}/${encodeURIComponent(version)}` : encodeURIComponent(model);
}

function listVersions() {
  const model = models.find((one) => one.name === at('model').value);
  const versions = (model?.versions ?? []).filter((one) => one.state === 'AVAILABLE');
  at('version').replaceChildren(...versions.map((one) => {
    const names = [one.name, one.labels, one.default ? 'default' : ''].filter(Boolean).join(', ');
    return option(one.version, names ? `${one.version} (${names})` : String(one.version), one.default);
  }));
  if (!versions.length)
    tell(model ? `Model ${model.name} has no version that can answer.` : 'This server has no model yet.');
}

async function loadModels() {
  tell('');
  try {
    models = (await ask('/models')).models;
  } catch (problem) {
    tell(problem.message);
    return;
  }
  at('token-form').hidden = true;
  at('model').replaceChildren(...models.map((one) => option(one.name, one.name, false)));
  listVersions();
  at('drop').hidden = !models.length;
}

const percent = (score) => `${(100 * score).toFixed(1)} %`;

function showScores(list, scores) {
  const best = Object.entries(scores).slice(0, SHOWN_LABELS);
  list.replaceChildren(...best.map(([name, score]) => {
    const row = document.createElement('li');
    const bar = document.createElement('span'), label = document.createElement('span'), value = document.createElement('span');
    bar.className = 'bar';
    bar.style.width = `${100 * score}%`;
    label.className = 'name';
    label.textContent = name;
    value.className = 'value';
    value.textContent = percent(score);
    row.append(bar, label, value);
    return row;
  }));
}

function showNearest(part, nearest) {
  part.hidden = !nearest?.length;
  part.querySelector('ul').replaceChildren(...(nearest ?? []).map((one) => {
    const row = document.createElement('li');
    const picture = document.createElement(one.thumbnail ? 'img' : 'span');
    if (one.thumbnail) {
      picture.src = `data:image/jpeg;base64,${one.thumbnail}`;
      picture.alt = `training photo of ${one.label}`;
      picture.title = one.key;
    } else {
      picture.className = 'none';
    }
    const words = document.createElement('span');
    words.textContent = `${one.label}, ${percent(one.similarity)} alike`;
    row.append(picture, words);
    return row;
  }));
}

// Photos of programs: the same request that this page made.
function showCode(card, name) {
  const url = `${location.origin}/predict/${chosen()}`;
  const file = /^[\w. -]+$/.test(name) ? name : 'photo.jpg';
  const token = sessionStorage.getItem('token');
  card.querySelector('.curl').textContent =
    `curl --data-binary "@${file}"${token ? ' -H "Authorization: Bearer $TOKEN"' : ''} ${url}`;
  card.querySelector('.python').textContent =
    `import requests\n\nwith open("${file}", "rb") as photo:\n    answer = requests.post("${url}", photo` +
    `${token ? ', headers={"Authorization": f"Bearer {token}"}' : ''})\nanswer.raise_for_status()\nprint(answer.json()["prediction"])`;
}

function offerCorrection(card, blob, answer) {
  const part = card.querySelector('.wrong'), form = part.querySelector('form'), thanks = part.querySelector('.thanks');
  const input = form.elements.label, list = part.querySelector('datalist');
  list.id = `labels-${cards.childElementCount}`;
  input.setAttribute('list', list.id);
  list.replaceChildren(...Object.keys(answer.scores).map((name) => option(name, name, false)));
  part.hidden = false;
  form.onsubmit = async (event) => {
    event.preventDefault();
    const query = new URLSearchParams({ label: input.value.trim(), prediction: answer.prediction, score: answer.score, version: answer.version });
    try {
      await ask(`/corrections/${encodeURIComponent(answer.model)}?${query}`, { method: 'POST', body: blob });
      thanks.textContent = `Kept: it is ${input.value.trim()}. The next training can learn from it.`;
      form.hidden = true;
    } catch (problem) {
      thanks.textContent = problem.message;
    }
  };
}

function newCard(blob, name) {
  const card = at('card').content.firstElementChild.cloneNode(true);
  const picture = card.querySelector('img');
  picture.src = URL.createObjectURL(blob);
  picture.alt = `your photo ${name}`;
  picture.onerror = () => { picture.hidden = true; }; // what is no photo has none to show
  card.querySelector('h3').textContent = name;
  card.querySelector('.verdict').textContent = 'Asking …';
  cards.prepend(card);
  return card;
}

function describe(answer) {
  if (answer.sureness === 'I do not know this')
    return `I do not know this. Of what I know it is most like ${answer.prediction}.`;
  if (answer.labels)
    return answer.labels.length ? `${answer.labels.join(', ')}` : 'None of the labels that I know.';
  return `${answer.prediction}: ${answer.sureness}`;
}

async function answerOne(blob, name) {
  const card = newCard(blob, name);
  const verdict = card.querySelector('.verdict');
  count(1);
  try {
    const answer = await ask(`/predict/${chosen()}?nearest=${NEAREST}`, { method: 'POST', body: blob });
    verdict.textContent = describe(answer);
    showScores(card.querySelector('.scores'), answer.scores);
    showNearest(card.querySelector('.nearest'), answer.nearest);
    offerCorrection(card, blob, answer);
  } catch (problem) {
    card.classList.add('failed');
    verdict.textContent = problem.message;
  }
  showCode(card, name);
  count(-1);
}

function count(change) {
  asking += change;
  at('state').textContent = asking ? `Asking about ${asking} photo${asking > 1 ? 's' : ''} …` : `${cards.childElementCount} answered.`;
}

// Two at a time: the server has a queue of its own, others use it too.
async function answerAll(files) {
  const waiting = [...files];
  const next = async () => {
    while (waiting.length) {
      const file = waiting.shift();
      await answerOne(file, file.name || 'pasted photo');
    }
  };
  await Promise.all([next(), next()]);
}

function takePhotosFromDrop() {
  const drop = at('drop');
  for (const name of ['dragenter', 'dragover'])
    document.addEventListener(name, (event) => { event.preventDefault(); drop.classList.add('over'); });
  document.addEventListener('dragleave', (event) => { if (!event.relatedTarget) drop.classList.remove('over'); });
  document.addEventListener('drop', (event) => {
    event.preventDefault();
    drop.classList.remove('over');
    answerAll(event.dataTransfer.files);
  });
  document.addEventListener('paste', (event) => {
    if (event.clipboardData.files.length)
      answerAll(event.clipboardData.files);
  });
}

let stream = null;

function frame() {
  const video = at('video'), canvas = document.createElement('canvas');
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  canvas.getContext('2d').drawImage(video, 0, 0);
  return new Promise((done) => canvas.toBlob(done, 'image/jpeg', 0.92));
}

async function answerLive() {
  while (stream && at('live').checked) {
    const blob = at('video').videoWidth ? await frame() : null;
    if (blob) {
      try {
        at('live-answer').textContent = describe(await ask(`/predict/${chosen()}?top=1`, { method: 'POST', body: blob }));
      } catch (problem) {
        at('live-answer').textContent = problem.message;
      }
    }
    await new Promise((done) => setTimeout(done, LIVE_PAUSE_MS));
  }
  at('live-answer').textContent = '';
}

function closeCamera() {
  stream?.getTracks().forEach((track) => track.stop());
  stream = null;
  at('camera').hidden = true;
  at('camera-button').hidden = false;
  at('camera-button').focus();
}

async function openCamera() {
  const note = at('camera-note');
  note.hidden = true;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'environment' } });
  } catch (problem) {
    note.textContent = `The camera cannot be used: ${problem.message}`;
    note.hidden = false;
    return;
  }
  at('video').srcObject = stream;
  await at('video').play();
  at('camera').hidden = false;
  at('camera-button').hidden = true;
  at('shoot').focus();
}

function prepareCamera() {
  if (!navigator.mediaDevices?.getUserMedia) {
    at('camera-button').hidden = true;
    at('camera-note').textContent = window.isSecureContext ? 'This browser has no camera to offer.'
      : 'The camera works only where this page comes over https or from this computer itself: browsers ask for that.';
    at('camera-note').hidden = false;
  }
  at('camera-button').onclick = openCamera;
  at('camera-end').onclick = closeCamera;
  at('live').onchange = answerLive;
  at('shoot').onclick = async () => answerOne(await frame(), `camera ${new Date().toLocaleTimeString()}`);
}

at('model').onchange = listVersions;
at('choice').onsubmit = (event) => event.preventDefault();
at('files').onchange = async (event) => {
  const files = [...event.target.files];
  event.target.value = '';
  await answerAll(files);
};
at('token-form').onsubmit = (event) => {
  event.preventDefault();
  sessionStorage.setItem('token', at('token').value.trim());
  loadModels();
};
takePhotosFromDrop();
prepareCamera();
loadModels();
