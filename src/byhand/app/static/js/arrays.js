// Arrays as the server sends them: {shape, type, data: base64} and back.

/** {shape, values}: values is a Float32Array, or a Uint8Array of bytes, in row-major order. */
export function decode({ shape, type, data }) {
  const bytes = bytesOf(data);
  return { shape, values: type === "uint8" ? bytes : new Float32Array(bytes.buffer) };
}

export function bytesOf(base64) {
  return Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
}

export function base64Of(bytes) {
  return btoa(String.fromCharCode(...bytes));
}

/** Channel c of an array (C, H, W), or all of (H, W): {width, height, values}. */
export function channel(array, c = 0) {
  const [height, width] = array.shape.slice(-2);
  const size = height * width;
  return { width, height, values: array.values.subarray(c * size, (c + 1) * size) };
}

/** The least and the greatest value; 0 and 0 of nothing. */
export function extent(values) {
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return values.length ? [low, high] : [0, 0];
}

export function sum(values) {
  let total = 0;
  for (const value of values) total += value;
  return total;
}
