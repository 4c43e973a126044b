// A sheet to draw on with mouse, finger or pen: smooth strokes, undo, an eraser.

const SIDE = { width: 720, height: 400 }; // the sheet's own pixels, whatever it is shown at
const PEN = 26;
const ERASER = 60;
const HEIGHT = 44; // pixels that a drawing is sent with: more than the network sees of a digit

/** Makes a canvas drawable; `changed()` is called while a stroke is drawn and when it ends. */
export class Sheet {
  constructor(canvas, changed) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d", { willReadFrequently: true });
    this.strokes = [];
    this.erasing = false;
    this.changed = changed;
    this.drawing = new Map(); // strokes that are being drawn, by pointer: two fingers may
    canvas.width = SIDE.width;
    canvas.height = SIDE.height;
    canvas.addEventListener("pointerdown", (event) => this.begin(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    for (const name of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(name, (event) => this.end(event));
    }
    this.paint();
  }

  get isEmpty() {
    return !this.strokes.some((stroke) => !stroke.eraser);
  }

  place(event) {
    const box = this.canvas.getBoundingClientRect();
    const pressure = event.pointerType === "pen" && event.pressure > 0 ? 0.6 + 0.8 * event.pressure : 1;
    return {
      x: ((event.clientX - box.left) * SIDE.width) / box.width,
      y: ((event.clientY - box.top) * SIDE.height) / box.height,
      width: pressure,
    };
  }

  begin(event) {
    if (event.button !== 0) return;
    event.preventDefault();
    this.canvas.setPointerCapture(event.pointerId);
    const eraser = this.erasing || event.buttons === 32; // a pen's other end
    const stroke = { eraser, points: [this.place(event)] };
    this.strokes.push(stroke);
    this.drawing.set(event.pointerId, stroke);
    this.paint();
    this.changed();
  }

  move(event) {
    const stroke = this.drawing.get(event.pointerId);
    if (!stroke) return;
    // What the device has seen since the last picture on the screen, not only where it is now.
    const events = event.getCoalescedEvents?.() ?? [];
    for (const one of events.length ? events : [event]) stroke.points.push(this.place(one));
    this.paint();
    this.changed();
  }

  end(event) {
    if (!this.drawing.delete(event.pointerId)) return;
    this.changed();
  }

  undo() {
    this.strokes.pop();
    this.paint();
    this.changed();
  }

  clear() {
    this.strokes = [];
    this.drawing.clear();
    this.paint();
    this.changed();
  }

  paint() {
    const { context } = this;
    context.fillStyle = "#fff";
    context.fillRect(0, 0, SIDE.width, SIDE.height);
    context.lineCap = "round";
    context.lineJoin = "round";
    for (const { eraser, points } of this.strokes) {
      context.strokeStyle = eraser ? "#fff" : "#111";
      context.lineWidth = eraser ? ERASER : PEN * points[0].width;
      context.beginPath();
      context.moveTo(points[0].x, points[0].y);
      if (points.length === 1) context.lineTo(points[0].x + 0.1, points[0].y);
      // Through the middles between points, bent towards the points: no corners.
      for (let i = 1; i < points.length; i++) {
        const [a, b] = [points[i - 1], points[i]];
        context.quadraticCurveTo(a.x, a.y, (a.x + b.x) / 2, (a.y + b.y) / 2);
      }
      const last = points[points.length - 1];
      context.lineTo(last.x, last.y);
      context.stroke();
    }
  }

  /** The drawing as a data URL, cut to the ink and shrunk: quick to send and to read. */
  picture() {
    const pixels = this.context.getImageData(0, 0, SIDE.width, SIDE.height).data;
    let [left, top, right, bottom] = [SIDE.width, SIDE.height, -1, -1];
    for (let y = 0; y < SIDE.height; y++) {
      for (let x = 0; x < SIDE.width; x++) {
        if (pixels[4 * (y * SIDE.width + x)] < 200) {
          if (x < left) left = x;
          if (x > right) right = x;
          if (y < top) top = y;
          bottom = y;
        }
      }
    }
    if (right < 0) return null;
    const margin = 30;
    const [width, height] = [right - left + 1 + 2 * margin, bottom - top + 1 + 2 * margin];
    const scale = Math.min(1, HEIGHT / height);
    const small = document.createElement("canvas");
    small.width = Math.max(1, Math.round(width * scale));
    small.height = Math.max(1, Math.round(height * scale));
    const context = small.getContext("2d");
    context.fillStyle = "#fff";
    context.fillRect(0, 0, small.width, small.height);
    context.imageSmoothingQuality = "high";
    context.drawImage(
      this.canvas, left - margin, top - margin, width, height, 0, 0, small.width, small.height,
    );
    return small.toDataURL("image/png");
  }
}
