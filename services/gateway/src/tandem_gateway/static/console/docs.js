// The OpenAPI document as a page: every call, its body and its answer as an example of the shape.
import { html, render, useEffect, useState } from "../shared/ui.js";
import { initialLanguage, keepLanguage, translator } from "../shared/language.js";

const WORDS = {
  title: ["Admin API", "管理接口"],
  lead: ["Everything the console does, programs can do too. Send an API key with scope admin or operator as a bearer token.", "控制台能做的一切，程序也可以做到。请将具有 admin 或 operator 权限的 API 密钥作为 Bearer 令牌发送。"],
  rules: ["Lists answer with items and next. Errors carry a code, a message and the field. Writes take If-Match with the ETag they saw; a POST takes an Idempotency-Key.", "列表返回 items 和 next；错误包含 code、message 和 field。写操作可用 If-Match 携带 ETag；POST 可用 Idempotency-Key。"],
  document: ["The document for tools", "供工具使用的文档"], parameters: ["Parameters", "参数"], body: ["Body", "请求体"], answer: ["Answer", "响应"], needs: ["Needs", "所需权限"], open: ["No sign-in needed", "无需登录"], failed: ["The document could not be loaded.", "文档加载失败。"],
};

function example(schema, all, depth = 0) {
  if (!schema || depth > 5) return "…";
  if (schema.$ref) return example(all[schema.$ref.split("/").pop()], all, depth + 1);
  if (schema.const !== undefined) return schema.const;
  if (schema.default !== undefined && schema.default !== null) return schema.default;
  if (schema.enum) return schema.enum.join(" | ");
  const options = schema.anyOf || schema.oneOf;
  if (options) return example(options.find((one) => one.type !== "null") || options[0], all, depth + 1);
  if (schema.type === "array") return schema.items ? [example(schema.items, all, depth + 1)] : [];
  if (schema.properties) return Object.fromEntries(Object.entries(schema.properties).map(([name, one]) => [name, example(one, all, depth + 1)]));
  return { string: schema.format || "text", integer: 0, number: 0, boolean: false, object: {}, null: null }[schema.type] ?? "…";
}

const shape = (content, all) => JSON.stringify(example(content?.["application/json"]?.schema, all), null, 2);

function Call({ verb, path, call, schemas, t }) {
  const good = Object.entries(call.responses).find(([status, one]) => status.startsWith("2") && one.content?.["application/json"]?.schema);
  const known = good && Object.keys(good[1].content["application/json"].schema).length > 0;
  return html`<details><summary><span class=${`verb ${verb}`}>${verb.toUpperCase()}</span><code>${path}</code><span>${call.description?.split("\n")[0]}</span></summary>
    <div class="inside"><p>${call.description}</p><p class="help">${call["x-action"] ? html`${t("needs")}: <code>${call["x-action"]}</code>` : t("open")}</p>
      ${call.parameters?.length > 0 && html`<div><h3>${t("parameters")}</h3><table><tbody>${call.parameters.map((one) => html`<tr><td><code>${one.name}</code></td><td>${one.in}</td><td>${JSON.stringify(example(one.schema, schemas))}</td></tr>`)}</tbody></table></div>`}
      ${call.requestBody && html`<div><h3>${t("body")}</h3><pre><code>${shape(call.requestBody.content, schemas)}</code></pre></div>`}
      ${known && html`<div><h3>${t("answer")} ${good[0]}</h3><pre><code>${shape(good[1].content, schemas)}</code></pre></div>`}</div></details>`;
}

function Docs() {
  const [language, setLanguage] = useState(initialLanguage);
  const [found, setFound] = useState(undefined);
  const t = translator(WORDS, language);
  useEffect(() => { keepLanguage(language); document.title = `Tandem · ${t("title")}`; }, [language]);
  useEffect(() => { fetch("/api/v1/openapi.json").then((r) => r.json()).then(setFound, () => setFound(null)); }, []);
  if (found === undefined) return null;
  const groups = new Map();
  for (const [path, calls] of Object.entries(found?.paths || {}))
    for (const [verb, call] of Object.entries(calls)) {
      const tag = call.tags?.[0] || "";
      groups.set(tag, [...(groups.get(tag) || []), { verb, path, call }]);
    }
  return html`<main class="docs"><button class="button ghost" lang=${language === "zh" ? "en" : "zh-CN"} onClick=${() => setLanguage(language === "zh" ? "en" : "zh")}>${language === "zh" ? "English" : "中文"}</button>
    <h1>${t("title")}</h1><div class="intro"><p>${t("lead")}</p><p>${t("rules")}</p><p><a href="/api/v1/openapi.json">${t("document")}</a></p></div>
    ${found === null && html`<p class="error box" role="alert">${t("failed")}</p>`}
    ${[...groups].map(([tag, calls]) => html`<section key=${tag}><h2>${tag}</h2>${calls.map((one) => html`<${Call} key=${one.verb + one.path} ...${one} schemas=${found.components.schemas} t=${t} />`)}</section>`)}</main>`;
}

render(html`<${Docs} />`, document.getElementById("app"));
