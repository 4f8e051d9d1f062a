import { html, useEffect, useState } from "../shared/ui.js";
import { Icon } from "../shared/icons.js";
import { api } from "./api.js";
import { useConsole } from "./context.js";
import { Button, Loading, TextField, useAction } from "./parts.js";

function Front({ title, lead, children }) {
  const { t, language, setLanguage, theme, flipTheme } = useConsole();
  return html`<main class="front"><div class="front-tools">
      <button class="button ghost" lang=${language === "zh" ? "en" : "zh-CN"} onClick=${() => setLanguage(language === "zh" ? "en" : "zh")}><${Icon} name="language" size=${18} /><span>${t("language")}</span></button>
      <${Button} icon=${theme === "dark" ? "sun" : "moon"} kind="ghost" label=${t("theme")} onClick=${flipTheme} /></div>
    <section class="front-card"><img src="/static/shared/icon.svg" alt="" width="44" height="44" /><h1>${title}</h1>${lead && html`<p class="lead">${lead}</p>`}${children}</section></main>`;
}

export function SignIn({ onDone }) {
  const { t, sentence } = useConsole();
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [wrong, setWrong] = useState("");
  const [busy, run] = useAction();
  const submit = (event) => {
    event.preventDefault();
    setWrong("");
    run(async () => onDone(await api.post("/session", { name, password })), (error) => {
      setWrong(error.code === "unauthenticated" ? t("wrongPassword") : sentence(error));
      return true;
    });
  };
  useEffect(() => { document.title = `${t("signIn")} · Tandem`; }, [t]);
  return html`<${Front} title=${t("signIn")} lead=${t("signInLead")}>
    <form class="stack" onSubmit=${submit}>
      <${TextField} label=${t("loginName")} value=${name} onValue=${setName} autocomplete="username" autocapitalize="none" spellcheck="false" autofocus required />
      <${TextField} label=${t("password")} type="password" value=${password} onValue=${setPassword} autocomplete="current-password" required />
      ${wrong && html`<p class="error" role="alert">${wrong}</p>`}
      <button class="button primary full" disabled=${busy || !name || !password} aria-busy=${busy}>${t("signIn")}</button>
    </form><p class="hint">${t("noAccount")}</p><//>`;
}

export function Welcome({ onDone, onSignIn }) {
  const { t, sentence } = useConsole();
  const token = new URLSearchParams(location.search).get("token") || "";
  const [role, setRole] = useState(undefined);
  const [values, setValues] = useState({ name: "", display: "", password: "", again: "" });
  const [wrong, setWrong] = useState({});
  const [busy, run] = useAction();
  const set = (name) => (value) => setValues((all) => ({ ...all, [name]: value }));
  useEffect(() => {
    document.title = `${t("welcome")} · Tandem`;
    api.post("/setup/check", { token }).then((found) => setRole(found.role), () => setRole(null));
  }, []);
  const submit = (event) => {
    event.preventDefault();
    if (values.password !== values.again) return setWrong({ again: t("passwordsDiffer") });
    setWrong({});
    return run(
      async () => onDone(await api.post("/setup", { token, name: values.name, display_name: values.display, password: values.password })),
      (error) => { setWrong({ [error.field || "all"]: sentence(error) }); return true; },
    );
  };
  if (role === undefined) return html`<${Loading} />`;
  if (role === null)
    return html`<${Front} title=${t("linkUsed")} lead=${t("linkUsedHelp")}><${Button} kind="primary full" onClick=${onSignIn}>${t("signIn")}<//><//>`;
  return html`<${Front} title=${t("welcome")} lead=${t("welcomeLead", { role: t(`role_${role}`) })}>
    <form class="stack" onSubmit=${submit}>
      <${TextField} label=${t("loginName")} value=${values.name} onValue=${set("name")} error=${wrong.name} autocomplete="username" autocapitalize="none" spellcheck="false" autofocus required />
      <${TextField} label=${t("displayName")} help=${t("displayNameHelp")} value=${values.display} onValue=${set("display")} error=${wrong.display_name} autocomplete="name" />
      <${TextField} label=${t("password")} help=${t("passwordHelp")} type="password" value=${values.password} onValue=${set("password")} error=${wrong.password} autocomplete="new-password" required />
      <${TextField} label=${t("repeatPassword")} type="password" value=${values.again} onValue=${set("again")} error=${wrong.again} autocomplete="new-password" required />
      ${wrong.all && html`<p class="error" role="alert">${wrong.all}</p>`}
      <button class="button primary full" disabled=${busy || !values.name || !values.password} aria-busy=${busy}>${t("begin")}</button>
    </form><//>`;
}
