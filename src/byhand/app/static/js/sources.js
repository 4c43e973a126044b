// How a photograph comes in: from a file, dropped, pasted, or from the camera.

import { make, translated } from "./dom.js";
import { t } from "./texts.js";

let panel; // the tab that takes the pictures
let take; // called with each picture
let refuse; // called with an error where the camera gives none
const parts = {};

/** `zone`, where files are chosen and dropped, and `film`, the camera's dialog, for a tab. */
export function pictureSources(section, took, refused) {
  [panel, take, refuse] = [section, took, refused];
  document.addEventListener("paste", pasted);
  return { zone: dropZone(), film: camera() };
}

function dropZone() {
  const input = make("input", { type: "file", accept: "image/*,.jp2,.tif,.tiff,.ppm,.pgm", hidden: true });
  input.onchange = () => {
    if (input.files[0]) take(input.files[0]);
    input.value = ""; // so that the same file can be chosen again
  };
  const choose = translated("button.primary", "page.choose", { type: "button", onclick: () => input.click() });
  parts.camera = translated("button", "page.camera", { type: "button", hidden: true, onclick: film });
  const zone = make("div.card.drop", {}, make("div.row", {}, choose, parts.camera), translated("p.note", "page.drop"), input);
  // The whole tab takes a file that is dropped: beside the zone the browser would leave the page.
  panel.ondragover = (event) => {
    event.preventDefault();
    zone.classList.add("over");
  };
  panel.ondragleave = (event) => {
    if (!panel.contains(event.relatedTarget)) zone.classList.remove("over");
  };
  panel.ondrop = (event) => {
    event.preventDefault();
    zone.classList.remove("over");
    const dropped = event.dataTransfer.files[0];
    if (dropped) take(dropped);
  };
  return zone;
}

function pasted(event) {
  if (panel.hidden) return;
  const picture = [...event.clipboardData.files].find(({ type }) => type.startsWith("image/"));
  if (!picture) return; // text, for a field
  event.preventDefault();
  take(picture);
}

function camera() {
  const video = make("video", { autoplay: true, muted: true, playsInline: true, "aria-label": t("page.camera"), dataset: { label: "page.camera" } });
  const shoot = translated("button.primary", "page.camera.take", { type: "button" });
  const leave = translated("button", "page.camera.close", { type: "button", onclick: () => parts.film.close() });
  parts.film = make("dialog.film", {}, video, make("div.row", {}, shoot, leave));
  shoot.onclick = () => {
    const canvas = make("canvas", { width: video.videoWidth, height: video.videoHeight });
    canvas.getContext("2d").drawImage(video, 0, 0);
    parts.film.close();
    canvas.toBlob((blob) => blob && take(new File([blob], "camera.jpg", { type: blob.type })), "image/jpeg", 0.95);
  };
  parts.film.onclose = () => {
    for (const track of video.srcObject?.getTracks() ?? []) track.stop(); // its light goes out
    video.srcObject = null;
  };
  window.addEventListener("hashchange", () => parts.film.close());
  parts.video = video;
  const devices = navigator.mediaDevices; // there is none unless the page is this machine's, or https
  devices?.enumerateDevices?.().then((all) => {
    parts.camera.hidden = !all.some(({ kind }) => kind === "videoinput");
  }, () => {});
  return parts.film;
}

async function film() {
  try {
    const wish = { facingMode: "environment", width: { ideal: 2560 }, height: { ideal: 1920 } };
    const stream = await navigator.mediaDevices.getUserMedia({ video: wish });
    parts.video.srcObject = stream;
    parts.film.showModal();
  } catch {
    refuse(new Error(t("page.camera.refused")));
  }
}
