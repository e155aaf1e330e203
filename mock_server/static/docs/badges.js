/** A plugin for Swagger UI that shows the evidence for every parameter, response and property that is
 * not documented: its level as a badge, the reason, and a link to the open question. */

import { Evidence, withoutMarks } from "./evidence.js"

/** Return the plugin. `questions` are the open questions by number, `page` is the address of the page
 * that explains them. */
export function badges(questions, page) {
  let evidence = new Evidence({})

  return (system) => {
    const h = system.React.createElement

    const question = (number, note) =>
      h(
        "a",
        { className: "evidence-question", href: `${page}#${number}`, title: questions[number] },
        note ? `Open question ${number}: ${questions[number]}` : `Open question ${number}`,
      )

    const badge = ({ level, because, question: number, words, note }, index) =>
      h(
        "span",
        { key: index, className: "evidence-entry", role: "listitem" },
        h(
          "span",
          { className: `evidence-badge evidence-${level}`, title: because },
          words.length ? `${words.join(", ")}: ${level}` : level,
        ),
        note && h("span", { className: "evidence-note" }, because),
        number && question(number, note),
      )

    const list = (entries) =>
      entries.length > 0 &&
      h("span", { className: "evidence", role: "list", "aria-label": "Evidence" }, entries.map(badge))

    /** Show the entries in a row of their own, below the row that they are about. */
    const withRow = (Original, props, entries) =>
      h(
        system.React.Fragment,
        null,
        h(Original, props),
        entries.length > 0 &&
          h("tr", { className: "evidence-row" }, h("td"), h("td", null, list(entries))),
      )

    return {
      statePlugins: {
        spec: {
          wrapActions: {
            updateJsonSpec: (original) => (document) => {
              evidence = new Evidence(document)
              return original(withoutMarks(document))
            },
          },
        },
      },
      wrapComponents: {
        parameterRow: (Original) => (props) => {
          const [path, method] = props.pathMethod
          const { name, in: kind } = props.rawParam.toJS()
          return withRow(Original, props, evidence.parameter(path, method, name, kind))
        },
        response: (Original) => (props) =>
          withRow(Original, props, evidence.response(props.path, props.method, props.code)),
        Model: (Original) => (props) => {
          const parts = [h(Original, props), list(evidence.schema(props.specPath.toJS().map(String)))]
          // Properties refer to the reason that their object gives.
          if (props.schema?.has("properties")) parts.reverse()
          return h(system.React.Fragment, null, ...parts)
        },
        InfoContainer: (Original) => (props) => {
          const entries = evidence.credentials()
          return h(
            system.React.Fragment,
            null,
            h(Original, props),
            entries.length > 0 && h("div", { className: "wrapper evidence-credentials" }, list(entries)),
          )
        },
      },
    }
  }
}
