// What the Workers' runtime has of streams and Node has not, as far as the edge uses it.

// The runtime's streams, as far as the counting pump uses them: a write settles when the reader has taken a copy.
globalThis.IdentityTransformStream = class extends TransformStream {
  constructor() {
    const transform = (chunk, controller) => controller.enqueue(chunk.slice());
    super({ transform }, { highWaterMark: 1 }, { highWaterMark: 0 });
  }
};
globalThis.FixedLengthStream = globalThis.IdentityTransformStream;

// A body of these pieces; an error among them breaks it off.
export function bodyOf(...chunks) {
  return new ReadableStream({
    type: "bytes",
    pull(controller) {
      const chunk = chunks.shift();
      if (chunk instanceof Error) controller.error(chunk);
      else if (chunk !== undefined) controller.enqueue(new TextEncoder().encode(chunk));
      else {
        controller.close();
        controller.byobRequest?.respond(0);
      }
    },
  });
}
