// A file of the report: shows the view that the address names, plays clips; after `shared.js`.
"use strict";

const main = document.getElementById("main");
const home = document.createDocumentFragment();
home.append(...[...main.childNodes].map((node) => node.cloneNode(true)));
const homeTitle = document.title;
let playing = null;

function stop() {
  if (!playing) return;
  playing.audio.pause();
  playing.button.removeAttribute("aria-pressed");
  main.querySelectorAll(".now").forEach((word) => word.classList.remove("now"));
  playing = null;
}

function play(button) {
  const again = playing && playing.button === button;
  stop();
  const source = document.querySelector(`script[data-clip="${CSS.escape(button.dataset.clip)}"]`);
  if (again || !source) return;
  const clip = JSON.parse(source.textContent);
  const audio = new Audio(`data:audio/mpeg;base64,${clip.mp3}`);
  playing = { audio, button };
  button.setAttribute("aria-pressed", "true");
  const words = [...main.querySelectorAll(".turns [data-s]")];
  const follow = () => {
    if (!playing || playing.audio !== audio) return;
    const ms = clip.start + 1000 * audio.currentTime;
    words.forEach((word) =>
      word.classList.toggle("now", Number(word.dataset.s) <= ms && ms < Number(word.dataset.e)));
    const line = document.getElementById("head"), lane = document.getElementById("lane");
    if (line && lane) {
      const x = `${(100 * ms) / Number(lane.dataset.length)}%`;
      line.setAttribute("x1", x);
      line.setAttribute("x2", x);
    }
    requestAnimationFrame(follow);
  };
  audio.addEventListener("loadedmetadata", () => {
    audio.currentTime = Math.max(0, Number(button.dataset.at) - 3000 - clip.start) / 1000;
  }, { once: true });
  audio.addEventListener("play", follow);
  audio.addEventListener("ended", stop);
  audio.addEventListener("error", stop);
  audio.play().catch(stop);
  document.documentElement.dataset.clip = button.dataset.clip;
}

function show() {
  stop();
  const [name, at] = decodeURIComponent(location.hash.slice(1)).split("@");
  const view = (wanted) => document.querySelector(`template[data-view="${CSS.escape(wanted)}"]`);
  const inside = { "term/": () => view("terms"), "why/": () => view(`call/${name.split("/")[1]}`) };
  const kind = Object.keys(inside).find((start) => name.startsWith(start));
  const found = kind ? inside[kind]() : name && view(name);
  main.replaceChildren((found ? found.content : home).cloneNode(true));
  document.title = found ? found.dataset.title : homeTitle;
  if (found) {
    const back = document.createElement("p");
    back.className = "back";
    const link = document.createElement("button");
    link.type = "button";
    link.className = "quiet";
    link.textContent = "←";
    link.setAttribute("aria-label", document.documentElement.lang === "zh" ? "返回" : "back");
    link.addEventListener("click", () => history.back());
    back.append(link);
    main.prepend(back);
  }
  liven(main);
  window.scrollTo(0, 0);
  const place = kind || at === "arithmetic"
    ? document.getElementById(kind ? name : at)
    : at && main.querySelector(`.finding[data-at="${CSS.escape(at)}"]`);
  if (place) {
    for (let up = place; up; up = up.parentElement) if (up.matches("details")) up.open = true;
    place.classList.add("chosen");
    place.scrollIntoView({ block: "center" });
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-clip]");
  if (button) play(button);
});
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || (event.key !== "j" && event.key !== "k")) return;
  const found = [...main.querySelectorAll(".finding")];
  if (!found.length) return;
  const now = found.findIndex((one) => one.classList.contains("chosen"));
  const next = Math.min(Math.max(now + (event.key === "j" ? 1 : -1), 0), found.length - 1);
  found.forEach((one, place) => one.classList.toggle("chosen", place === next));
  found[next].scrollIntoView({ block: "nearest" });
  found[next].focus({ preventScroll: true });
});
window.addEventListener("hashchange", show);
if (location.hash.length > 1) show();
else liven(main);
