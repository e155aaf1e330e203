/** How well each part of an OpenAPI document is known: the marks under `x-evidence`, by the place that
 * they cover. A mark stands at an object and names what it covers as dotted paths below that object, so
 * a parameter, a response or a property is often covered from elsewhere.
 *
 * A place is a list of keys from the root of the document, with references resolved. */

const MARKS = "x-evidence"
/** Below these keys, a key is a name and not a keyword. */
const NAMED = new Set(["headers", "parameters", "paths", "properties", "responses", "schemas", "securitySchemes"])
/** Below these keys is data. */
const PAYLOADS = new Set(["default", "enum", "example", "value"])
/** What a property or a schema does not show itself: these have places of their own. */
const INNER = new Set(["properties", "items", "additionalProperties"])
const WORDS = {
  anyOf: "alternatives",
  default: "default",
  description: "description",
  enum: "values",
  format: "format",
  headers: "headers",
  maximum: "maximum",
  minimum: "minimum",
  nullable: "null",
  required: "presence",
  schema: "schema",
  type: "type",
}

const isObject = (node) => typeof node === "object" && node !== null
const isUnder = (place, above) => place.length >= above.length && above.every((key, i) => place[i] === key)
const isSame = (one, other) => one.length === other.length && isUnder(one, other)

function* markedObjects(node, place = [], names = false) {
  if (!isObject(node)) return
  if (Array.isArray(node)) {
    for (const [index, item] of node.entries()) yield* markedObjects(item, [...place, String(index)])
    return
  }
  if (!names && MARKS in node) yield [place, node]
  for (const [key, value] of Object.entries(node)) {
    if (names || !(PAYLOADS.has(key) || key === MARKS)) {
      yield* markedObjects(value, [...place, key], NAMED.has(key) && !names)
    }
  }
}

/** Yield the places below `node` that the keys match; `*` stands for every key. */
function* matches(node, [key, ...rest]) {
  if (!isObject(node)) return
  for (const each of key === "*" ? Object.keys(node) : [key]) {
    if (!rest.length) yield [each]
    else for (const below of matches(node[each], rest)) yield [each, ...below]
  }
}

/** Return a copy of the document without its marks. */
export function withoutMarks(document) {
  const copy = structuredClone(document)
  for (const [, node] of [...markedObjects(copy)]) delete node[MARKS]
  return copy
}

export class Evidence {
  constructor(document) {
    this.document = document
    /** Every mark, with the place of its object and the places that it covers. */
    this.marks = [...markedObjects(document)].flatMap(([bearer, node]) =>
      node[MARKS].map((mark) => ({
        ...mark,
        bearer,
        places: mark.covers.flatMap((cover) =>
          cover === "." ? [bearer] : [...matches(node, cover.split("."))].map((below) => [...bearer, ...below]),
        ),
      })),
    )
  }

  /** Return the entries for a parameter of an operation. */
  parameter(path, method, name, kind) {
    const item = ["paths", path]
    for (const holder of [[...item, method], item]) {
      const count = this.#node(holder)?.parameters?.length ?? 0
      for (let index = 0; index < count; index++) {
        const { target } = this.#resolve([...holder, "parameters", String(index)])
        const found = this.#node(target)
        if (found.name === name && found.in === kind) {
          const schema = this.#resolve([...target, "schema"]).target
          return entries([...this.#own(target), ...(isUnder(schema, target) ? [] : this.#own(schema))])
        }
      }
    }
    return []
  }

  /** Return the entries for a response of an operation; those of its body are the schema's. */
  response(path, method, code) {
    const { place, target } = this.#resolve(["paths", path, method, "responses", code])
    const success = code.startsWith("2")
    const whole = this.#at(place).map((mark) => ({ mark, word: success ? "status code" : "", note: true }))
    return entries([...whole, ...this.#below(target)])
  }

  /** Return the entries for a schema at a path that may lead through references: those of the property
   * that has the schema, if it is one, and those of the schema. What the object of a property says of
   * all its properties has no note there. */
  schema(path) {
    const { place, target } = this.#resolve(path)
    const found = []
    if (place.at(-2) === "properties") {
      const object = place.slice(0, -2)
      for (let length = 1; length < place.length; length++) {
        found.push(...this.#at(place.slice(0, length)).map((mark) => ({ mark, word: "", note: false })))
      }
      if (this.#node(object).required?.includes(place.at(-1))) {
        const marks = this.#at([...object, "required"])
        found.push(...marks.map((mark) => ({ mark, word: WORDS.required, note: false })))
      }
      found.push(...this.#own(place).map((entry) => ({ ...entry, note: !isSame(entry.mark.bearer, object) })))
    }
    if (!isSame(place, target) || place.at(-2) !== "properties") found.push(...this.#own(target))
    found.push(...this.#ofProperties(target))
    return entries(found)
  }

  /** Return the entries for the credentials: which are required, and how they are sent. */
  credentials() {
    const schemes = ["components", "securitySchemes"]
    const found = this.#at(["security"]).map((mark) => ({ mark, word: "credentials", note: true }))
    for (const name of Object.keys(this.#node(schemes) ?? {})) {
      const own = this.#own([...schemes, name])
      found.push(...own.map((entry) => ({ ...entry, word: `${name}, ${entry.word}` })))
    }
    return entries(found)
  }

  /** Return what covers the place or a keyword of it. */
  #own(place) {
    const whole = this.#at(place).map((mark) => ({ mark, word: "", note: true }))
    return [...whole, ...this.#below(place)]
  }

  #at(place) {
    return this.marks.filter((mark) => mark.places.some((covered) => isSame(covered, place)))
  }

  #below(place) {
    return this.marks.flatMap((mark) =>
      mark.places
        .filter((covered) => covered.length > place.length && isUnder(covered, place))
        .map((covered) => covered.slice(place.length))
        .filter(([key, ...rest]) => !INNER.has(key) && !(key === "content" && rest.length > 1))
        .map(([key, ...rest]) => ({ mark, word: WORDS[key] ?? [key, ...rest].at(-1), note: true })),
    )
  }

  /** Return what an object says of all its properties. */
  #ofProperties(object) {
    return this.marks
      .filter((mark) => isSame(mark.bearer, object))
      .flatMap((mark) =>
        mark.places
          .filter((covered) => covered[object.length] === "properties" && covered.length === object.length + 3)
          .map((covered) => ({ mark, word: WORDS[covered.at(-1)] ?? covered.at(-1), note: true })),
      )
  }

  #node(place) {
    return place.reduce((node, key) => node?.[key], this.document)
  }

  /** Return the `place` at the end of the path, and the `target` of the reference there, if any. */
  #resolve(path) {
    let place = []
    for (const key of path) place = [...this.#target(place), key]
    return { place, target: this.#target(place) }
  }

  #target(place) {
    const reference = this.#node(place)?.$ref
    if (typeof reference !== "string") return place
    const keys = reference.replace(/^#\//, "").split("/")
    return this.#target(keys.map((key) => key.replaceAll("~1", "/").replaceAll("~0", "~")))
  }
}

/** Return one entry for each mark: its level, reason and question, the words for what it covers, and
 * whether to show the reason. An entry without words is about the whole. */
function entries(found) {
  const byMark = new Map()
  for (const { mark, word, note } of found) {
    const entry = byMark.get(mark) ?? { ...pick(mark), words: [], note }
    if (word && !entry.words.includes(word)) entry.words.push(word)
    byMark.set(mark, { ...entry, note: entry.note || note })
  }
  return [...byMark.values()]
}

const pick = ({ level, because, question }) => ({ level, because: because.trim(), question })
