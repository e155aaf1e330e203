// Parse Server-Sent Events from a response body, by the HTML standard. An EventSource does it too, but
// hides status codes and Retry-After.

export async function* messages(body) {
  let message = { id: "", data: [] };
  for await (const line of lines(body)) {
    if (line === "") {
      if (message.data.length > 0) yield { id: message.id, data: message.data.join("\n") };
      message = { id: message.id, data: [] };
      continue;
    }
    const [, field, value] = /^([^:]*):? ?(.*)$/s.exec(line);
    if (field === "id") message.id = value;
    else if (field === "data") message.data.push(value);
  }
}

async function* lines(body) {
  const source = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await source.read();
      if (done) return;
      // A trailing carriage return may be half of a line ending.
      const found = (rest + value).split(/\r\n|\n|\r(?!$)/);
      rest = found.pop();
      yield* found;
    }
  } finally {
    await source.cancel().catch(() => {});
  }
}
