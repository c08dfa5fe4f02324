// The pages' own behaviour: filters, the player and its keys; `shared.js` comes before it.
// Everything here is an addition: without it, links and forms still work.
"use strict";

const BEFORE_S = 3;

function player(audio) {
  const lane = document.getElementById("lane");
  const line = document.getElementById("head");
  const words = [...document.querySelectorAll(".turns [data-s]")]
    .map((el) => ({ el, from: Number(el.dataset.s), to: Number(el.dataset.e) }))
    .sort((a, b) => a.from - b.from);
  let lit = [];
  let chosen = -1;
  const findings = () => [...document.querySelectorAll(".finding")];

  const playFrom = (ms) => {
    audio.currentTime = Math.max(0, ms / 1000 - BEFORE_S);
    audio.play().catch(() => {});
  };
  const follow = () => {
    const ms = audio.currentTime * 1000;
    if (lane && line) {
      const x = `${(100 * ms) / Number(lane.dataset.length)}%`;
      line.setAttribute("x1", x);
      line.setAttribute("x2", x);
    }
    lit.forEach((el) => el.classList.remove("now"));
    lit = words.filter((w) => w.from <= ms && ms < w.to).map((w) => w.el);
    lit.forEach((el) => el.classList.add("now"));
    if (!audio.paused) requestAnimationFrame(follow);
  };
  audio.addEventListener("play", follow);
  audio.addEventListener("seeked", follow);
  audio.addEventListener("error", () => {
    const note = document.getElementById("sound-error");
    if (note) {
      note.textContent = note.dataset.text;
      note.hidden = false;
    }
  });

  document.addEventListener("click", (event) => {
    const target = event.target.closest("[data-at]");
    if (target && (target.matches("button, .lane [data-at]"))) {
      playFrom(Number(target.dataset.at));
      const at = findings().indexOf(target.closest(".finding"));
      if (at >= 0) chosen = at;
      // After a mouse the space bar is to stop the sound, not to press the button again.
      if (event.detail > 0) target.blur();
    } else if (lane && event.target.closest("#lane")) {
      const box = lane.getBoundingClientRect();
      playFrom(((event.clientX - box.left) / box.width) * Number(lane.dataset.length));
    } else if (event.target.matches("[data-s]")) {
      const hit = event.target.dataset.hit;
      if (hit !== undefined) document.getElementById(`finding-${hit}`)?.focus();
      playFrom(Number(event.target.dataset.s));
    }
  });

  const step = (by) => {
    const found = findings();
    if (!found.length) return;
    chosen = Math.min(Math.max(chosen + by, 0), found.length - 1);
    found.forEach((one, i) => one.classList.toggle("chosen", i === chosen));
    found[chosen].focus({ preventScroll: true });
    found[chosen].scrollIntoView({ block: "nearest" });
    if (found[chosen].dataset.at) playFrom(Number(found[chosen].dataset.at));
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.matches("input, select, textarea, button, a, summary, audio")) {
      if (event.key !== "j" && event.key !== "k") return;
      if (event.target.matches("input, select, textarea")) return;
    }
    if (event.key === " ") {
      event.preventDefault();
      if (audio.paused) audio.play().catch(() => {});
      else audio.pause();
    } else if (event.key === "j") step(1);
    else if (event.key === "k") step(-1);
  });

  const start = /^#t=(\d+)$/.exec(location.hash);
  if (start) {
    const cue = () => { audio.currentTime = Math.max(0, Number(start[1]) / 1000 - BEFORE_S); };
    if (audio.readyState > 0) cue();
    else audio.addEventListener("loadedmetadata", cue, { once: true });
    const mark = document.querySelector(`.finding[data-at="${start[1]}"]`);
    if (mark) { mark.classList.add("chosen"); mark.scrollIntoView({ block: "center" }); }
  }
}

// Clips: a moment of a call, played where it is listed, from three seconds before.
function clips() {
  const buttons = [...document.querySelectorAll("button.clip")];
  if (!buttons.length) return;
  const audio = document.createElement("audio");
  audio.id = "clip";
  audio.hidden = true;
  audio.preload = "none";
  document.body.append(audio);
  let now = null;
  const quiet = () => {
    if (now) { now.textContent = "▶"; now.removeAttribute("aria-pressed"); }
    now = null;
  };
  audio.addEventListener("timeupdate", () => {
    if (now && audio.currentTime > Number(now.dataset.to) / 1000 + 1) {
      audio.pause();
      quiet();
    }
  });
  audio.addEventListener("ended", quiet);
  audio.addEventListener("error", () => {
    if (now) { now.classList.add("gone"); now.title = "✕"; }
    quiet();
  });
  buttons.forEach((button) => button.addEventListener("click", () => {
    const was = now;
    audio.pause();
    quiet();
    if (was === button) return;
    now = button;
    button.textContent = "■";
    button.setAttribute("aria-pressed", "true");
    const start = () => {
      audio.currentTime = Math.max(0, Number(button.dataset.from) / 1000 - BEFORE_S);
      audio.play().catch(() => {});
    };
    if (audio.getAttribute("src") === button.dataset.src && audio.readyState > 0) start();
    else {
      audio.addEventListener("loadedmetadata", start, { once: true });
      audio.src = button.dataset.src;
      audio.load();
    }
  }));
}

document.addEventListener("DOMContentLoaded", () => {
  liven(document);
  document.querySelectorAll("form[data-auto] select, form[data-auto] input").forEach((field) =>
    field.addEventListener("change", () => field.form.requestSubmit()));
  const audio = document.getElementById("sound");
  if (audio) player(audio);
  clips();
  const reveal = () => {
    const place = /^#[\w-]+$/.test(location.hash) && document.querySelector(location.hash);
    if (place && place.matches("details")) place.open = true;
  };
  window.addEventListener("hashchange", reveal);
  reveal();
});
document.addEventListener("htmx:afterSwap", (event) => {
  if (event.target.id === "why") event.target.scrollIntoView({ block: "nearest" });
});
