//! Debian's Chromium without a screen, driven over its debugging protocol: forms are filled in and buttons pressed as by a
//! person.

use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use crate::Debian;

/// How long something may take that is waited for, in milliseconds.
const PATIENCE: u64 = 60_000;
/// How often a button is pressed that moves away.
const PRESSES: usize = 10;

/// A running browser. It ends when this is dropped; its profile stays in its folder.
pub struct Chromium {
    browser: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    number: u64,
    events: Vec<Value>,
}

/// A page that is open in a [`Chromium`], with a memory of its own: what one person sees.
#[derive(Clone, Debug)]
pub struct Tab {
    session: String,
}

impl Chromium {
    /// Starts one whose profile is in a folder. It trusts one key of a server besides those that authorities vouch for: the
    /// SHA-256 of its public key (`SubjectPublicKeyInfo`), in Base64. The program is fetched if it is not there.
    ///
    /// # Errors
    /// If the program cannot be had or started.
    pub fn start(folder: &Path, trusted: &str) -> io::Result<Chromium> {
        let debian = Debian::unpack(&["chromium-headless-shell"])?;
        // It speaks over the files 3 and 4, which a shell makes of those that we have.
        let mut shell = Command::new("sh");
        shell.args(["-c", "exec \"$0\" \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>&1"]);
        shell.arg(debian.path("usr/lib/chromium/chromium-headless-shell"));
        shell.args(["--remote-debugging-pipe", "--disable-gpu", "--no-first-run", "--disable-background-networking"]);
        // Its sandbox cannot be had everywhere that tests run, and pages here are ours.
        shell.args(["--no-sandbox", "--disable-dev-shm-usage"]);
        shell.arg(format!("--ignore-certificate-errors-spki-list={trusted}"));
        shell.arg(format!("--user-data-dir={}", folder.display()));
        shell.env("LD_LIBRARY_PATH", debian.libraries()).env("HOME", folder);
        let mut browser = shell.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let missing = || io::Error::other("no pipe");
        let (to, from) = (browser.stdin.take().ok_or_else(missing)?, browser.stdout.take().ok_or_else(missing)?);
        let mut started = Chromium { browser, to, from: BufReader::new(from), number: 0, events: vec![] };
        started.ask(None, "Browser.getVersion", json!({}))?;
        Ok(started)
    }

    /// Opens a page as a new person, and waits until it is loaded.
    ///
    /// # Errors
    /// If it cannot be loaded.
    pub fn open(&mut self, address: &str) -> io::Result<Tab> {
        let person = self.ask(None, "Target.createBrowserContext", json!({}))?;
        let blank = json!({ "url": "about:blank", "browserContextId": person["browserContextId"] });
        let target = self.ask(None, "Target.createTarget", blank)?;
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let session = self.ask(None, "Target.attachToTarget", attach)?;
        let tab = Tab { session: session["sessionId"].as_str().unwrap_or_default().to_owned() };
        for domain in ["Page.enable", "Network.enable", "Log.enable", "Runtime.enable"] {
            self.ask(Some(&tab), domain, json!({}))?;
        }
        self.visit(&tab, address)?;
        Ok(tab)
    }

    /// Goes to an address, and waits until it is loaded.
    ///
    /// # Errors
    /// If it cannot be loaded.
    pub fn visit(&mut self, tab: &Tab, address: &str) -> io::Result<()> {
        let gone = self.ask(Some(tab), "Page.navigate", json!({ "url": address }))?;
        if let Some(error) = gone["errorText"].as_str() {
            return Err(io::Error::other(format!("{address}: {error}")));
        }
        self.wait(tab, "document.readyState === 'complete'").map(drop)
    }

    /// Loads a page again.
    ///
    /// # Errors
    /// If it cannot be loaded.
    pub fn reload(&mut self, tab: &Tab) -> io::Result<()> {
        let address = self.evaluate(tab, "location.href")?;
        self.visit(tab, "about:blank")?;
        self.visit(tab, address.as_str().unwrap_or_default())
    }

    /// The value of an expression of JavaScript; of a promise, once it is kept.
    ///
    /// # Errors
    /// What it threw.
    pub fn evaluate(&mut self, tab: &Tab, expression: &str) -> io::Result<Value> {
        let asked = json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        let said = self.ask(Some(tab), "Runtime.evaluate", asked)?;
        match said.get("exceptionDetails") {
            Some(thrown) => Err(io::Error::other(format!("{expression}: {thrown}"))),
            None => Ok(said["result"]["value"].clone()),
        }
    }

    /// Waits until a condition of the page's content is true.
    ///
    /// # Errors
    /// With what the page shows, if it does not come true.
    pub fn wait(&mut self, tab: &Tab, condition: &str) -> io::Result<()> {
        let expression = format!(
            "new Promise((done, failed) => {{
                const observer = new MutationObserver(look);
                function look() {{ if ({condition}) {{ observer.disconnect(); done(true); }} }}
                const all = {{ subtree: true, childList: true, characterData: true, attributes: true }};
                observer.observe(document, all);
                addEventListener('load', look);
                setTimeout(() => failed(document.body.innerText), {PATIENCE});
                look();
            }})"
        );
        self.evaluate(tab, &expression).map(drop)
    }

    /// The text that an element shows.
    ///
    /// # Errors
    /// If there is no such element.
    pub fn text(&mut self, tab: &Tab, selector: &str) -> io::Result<String> {
        let text = self.evaluate(tab, &format!("document.querySelector('{selector}').innerText"))?;
        Ok(text.as_str().unwrap_or_default().to_owned())
    }

    /// Presses the mouse's button over an element; again, if the page moved it away meanwhile.
    ///
    /// # Errors
    /// If there is no such element to be seen, or it takes no clicks.
    pub fn click(&mut self, tab: &Tab, selector: &str) -> io::Result<()> {
        let find = format!(
            "(() => {{
                const element = document.querySelector('{selector}');
                element.scrollIntoView({{ block: 'center' }});
                const {{ x, y, width, height }} = element.getBoundingClientRect();
                if (width === 0) throw new Error('it cannot be seen');
                globalThis.pressed = false;
                element.addEventListener('click', () => {{ globalThis.pressed = true; }}, {{ capture: true, once: true }});
                return [x + width / 2, y + height / 2];
            }})()"
        );
        for _ in 0..PRESSES {
            let middle = self.evaluate(tab, &find)?;
            for kind in ["mousePressed", "mouseReleased"] {
                let mouse = json!({ "type": kind, "x": middle[0], "y": middle[1], "button": "left", "clickCount": 1 });
                self.ask(Some(tab), "Input.dispatchMouseEvent", mouse)?;
            }
            if self.evaluate(tab, "globalThis.pressed")? == true {
                return Ok(());
            }
        }
        Err(io::Error::other(format!("{selector} takes no clicks")))
    }

    /// Types a text into an element that is empty.
    ///
    /// # Errors
    /// If there is no such element.
    pub fn write(&mut self, tab: &Tab, selector: &str, text: &str) -> io::Result<()> {
        self.evaluate(tab, &format!("document.querySelector('{selector}').focus()"))?;
        self.ask(Some(tab), "Input.insertText", json!({ "text": text })).map(drop)
    }

    /// Chooses a file in an input of files.
    ///
    /// # Errors
    /// If there is no such element.
    pub fn choose(&mut self, tab: &Tab, selector: &str, file: &Path) -> io::Result<()> {
        let asked = json!({ "expression": format!("document.querySelector('{selector}')") });
        let found = self.ask(Some(tab), "Runtime.evaluate", asked)?;
        let chosen = json!({ "files": [file], "objectId": found["result"]["objectId"] });
        self.ask(Some(tab), "DOM.setFileInputFiles", chosen).map(drop)
    }

    /// What happened in a page so far, as the protocol tells it: requests, messages of its console.
    pub fn events(&mut self, tab: &Tab) -> Vec<Value> {
        self.events.iter().filter(|event| event["sessionId"] == tab.session.as_str()).cloned().collect()
    }

    /// One command and its answer; events that come before it are kept.
    fn ask(&mut self, tab: Option<&Tab>, method: &str, params: Value) -> io::Result<Value> {
        self.number += 1;
        let mut command = json!({ "id": self.number, "method": method, "params": params });
        if let Some(tab) = tab {
            command["sessionId"] = tab.session.as_str().into();
        }
        let mut bytes = command.to_string().into_bytes();
        bytes.push(0);
        self.to.write_all(&bytes)?;
        self.to.flush()?;
        loop {
            let mut message = vec![];
            self.from.read_until(0, &mut message)?;
            if message.pop() != Some(0) {
                return Err(io::Error::other(format!("the browser ended: {:?}", self.browser.try_wait())));
            }
            let mut message: Value = serde_json::from_slice(&message)?;
            if message["id"] != self.number {
                self.events.push(message);
            } else if let Some(error) = message.get("error") {
                return Err(io::Error::other(format!("{method}: {error}")));
            } else {
                return Ok(message["result"].take());
            }
        }
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // It ends its children itself; whether it has ended already does not matter.
        let _ = self.ask(None, "Browser.close", json!({}));
        let _ = self.browser.kill();
        let _ = self.browser.wait();
    }
}
