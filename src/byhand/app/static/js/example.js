// What is looked at before anything was drawn: a 3, drawn with the page's own pen.

/** A 3 as the network sees digits: Uint8Array of 28 × 28. */
export function example() {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 28;
  const context = canvas.getContext("2d");
  context.fillStyle = "#000";
  context.fillRect(0, 0, 28, 28);
  context.strokeStyle = "#fff";
  context.lineWidth = 2.4;
  context.lineCap = "round";
  context.stroke(new Path2D("M9.200 7.500 C11 4.200 17.600 4.200 17.800 8.600 C18 12.400 14.500 13.300 12.600 13.500 C16 13.300 19.600 14.800 19.200 18.800 C18.700 23.800 11 24.400 8.600 20.800"));
  const pixels = context.getImageData(0, 0, 28, 28).data;
  return Uint8Array.from({ length: 784 }, (_, i) => pixels[4 * i]);
}
