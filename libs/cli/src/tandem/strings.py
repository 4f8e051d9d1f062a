"""Sentences shown in the reader's language beside the English ones."""

STRINGS: dict[str, dict[str, str]] = {
    "ready": {
        "en": "Open the owner link to set a password. Ctrl-C stops everything.",
        "zh": "打开上面的 owner 链接设置密码即可登录控制台；按 Ctrl-C 停止全部服务。",
    },
    "port_taken": {
        "en": "Choose other ports with --port-base, or stop the program that listens there.",
        "zh": "端口被占用：请用 --port-base 换一组端口，或先停止占用该端口的程序。",
    },
    "already_up": {
        "en": "Stop the other one first, or give this one its own --data and --port-base.",
        "zh": "该数据目录已有一个 tandem up 在运行：请先停止它，或另选 --data 和 --port-base。",
    },
    "start_failed": {
        "en": "The end of its log is above; `tandem doctor` checks the surroundings.",
        "zh": "启动失败：上面是日志的结尾，可运行 tandem doctor 检查环境。",
    },
    "not_running": {
        "en": "Start it with `tandem up`, or set TANDEM_URL and TANDEM_API_KEY.",
        "zh": "没有找到正在运行的 Tandem：请先执行 tandem up，或设置 TANDEM_URL 与 TANDEM_API_KEY。",
    },
}


def hint(key: str, language: str) -> str:
    """Return a hint in English, followed by the reader's language when it is another."""
    entry = STRINGS[key]
    return entry["en"] if language == "en" else f"{entry['en']}\n{entry[language]}"
