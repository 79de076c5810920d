//! What should be in the index: the tree as the parent made it, and the items as they were acknowledged.

use crate::child::Child;
use crate::dice::Dice;
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

/// Files and items by name, each with the one word that only this version of it has.
pub type Contents = BTreeMap<String, String>;

pub struct Model {
    root: PathBuf,
    /// Names below the root.
    files: Contents,
    items: Contents,
    /// An item that was being changed when the child died: before and after are both right.
    unanswered: Vec<(String, Option<String>)>,
    serial: u64,
}

impl Model {
    pub fn new(root: PathBuf) -> Model {
        fs::create_dir_all(&root).unwrap();
        Model { root, files: Contents::new(), items: Contents::new(), unanswered: Vec::new(), serial: 0 }
    }

    pub fn files(&self) -> &Contents {
        &self.files
    }

    pub fn items(&self) -> &Contents {
        &self.items
    }

    /// Everything that has to be found.
    pub fn expected(&self) -> Contents {
        let files = self.files.iter().map(|(name, word)| (name.clone(), word.clone()));
        let items = self.items.iter().map(|(id, word)| (format!("item {id}"), word.clone()));
        files.chain(items).collect()
    }

    /// Changes the tree `turns` times.
    pub fn change(&mut self, dice: &mut Dice, turns: usize) {
        for _ in 0..turns {
            match dice.below(12) {
                0 => self.rename_file(dice),
                1 => self.rename_folder(dice),
                2 => self.delete_folder(dice),
                3 | 4 => self.delete_file(dice),
                5 => self.replace_file(dice),
                _ => self.write_file(dice),
            }
        }
    }

    pub fn push_item(&mut self, child: &mut Child, dice: &mut Dice) {
        let id = format!("i{}", dice.below(30));
        let word = self.word();
        match child.put(&id, &text(&word, dice)) {
            true => {
                self.items.insert(id, word);
            }
            false => self.unanswered.push((id, Some(word))),
        }
    }

    pub fn take_back_items(&mut self, child: &mut Child, dice: &mut Dice) {
        let id = format!("i{}", dice.below(30));
        match child.delete(&id) {
            true => {
                self.items.remove(&id);
            }
            false => self.unanswered.push((id, None)),
        }
    }

    /// Takes over what became of changes that nobody was told of.
    pub fn agree_on_unanswered(&mut self, found: &Contents) {
        for (id, word) in std::mem::take(&mut self.unanswered) {
            let now = found.get(&format!("item {id}")).cloned();
            if now == word {
                match word {
                    Some(word) => drop(self.items.insert(id, word)),
                    None => drop(self.items.remove(&id)),
                }
            }
        }
    }

    fn word(&mut self) -> String {
        self.serial += 1;
        format!("zq{}x", self.serial)
    }

    fn name(dice: &mut Dice) -> String {
        match dice.below(3) {
            0 => format!("f{}.txt", dice.below(20)),
            1 => format!("d{}/f{}.txt", dice.below(6), dice.below(10)),
            _ => format!("d{}/e{}/f{}.txt", dice.below(6), dice.below(3), dice.below(6)),
        }
    }

    fn write_file(&mut self, dice: &mut Dice) {
        let (name, word) = (Model::name(dice), self.word());
        let path = self.root.join(&name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text(&word, dice)).unwrap();
        self.files.insert(name, word);
    }

    /// As editors save: written beside, moved over.
    fn replace_file(&mut self, dice: &mut Dice) {
        let (name, word) = (Model::name(dice), self.word());
        let path = self.root.join(&name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let draft = path.with_extension("part");
        fs::write(&draft, text(&word, dice)).unwrap();
        fs::rename(draft, path).unwrap();
        self.files.insert(name, word);
    }

    fn existing(&self, dice: &mut Dice) -> Option<String> {
        let names: Vec<&String> = self.files.keys().collect();
        dice.pick(&names).map(|name| (*name).clone())
    }

    fn delete_file(&mut self, dice: &mut Dice) {
        let Some(name) = self.existing(dice) else { return };
        fs::remove_file(self.root.join(&name)).unwrap();
        self.files.remove(&name);
    }

    fn rename_file(&mut self, dice: &mut Dice) {
        let Some(old) = self.existing(dice) else { return };
        let new = Model::name(dice);
        fs::create_dir_all(self.root.join(&new).parent().unwrap()).unwrap();
        fs::rename(self.root.join(&old), self.root.join(&new)).unwrap();
        let word = self.files.remove(&old).unwrap();
        self.files.insert(new, word);
    }

    fn delete_folder(&mut self, dice: &mut Dice) {
        let folder = format!("d{}", dice.below(6));
        if self.root.join(&folder).is_dir() && dice.below(3) == 0 {
            fs::remove_dir_all(self.root.join(&folder)).unwrap();
            self.files.retain(|name, _| !name.starts_with(&format!("{folder}/")));
        }
    }

    fn rename_folder(&mut self, dice: &mut Dice) {
        let (old, new) = (format!("d{}", dice.below(6)), format!("d{}", dice.below(6)));
        if !self.root.join(&old).is_dir() || self.root.join(&new).exists() {
            return;
        }
        fs::rename(self.root.join(&old), self.root.join(&new)).unwrap();
        let (old, new) = (format!("{old}/"), format!("{new}/"));
        let moved = |name: String| name.strip_prefix(&old).map(|rest| format!("{new}{rest}")).unwrap_or(name);
        self.files = std::mem::take(&mut self.files).into_iter().map(|(name, word)| (moved(name), word)).collect();
    }
}

/// A text with this word; now and then a long one, which makes several passages.
fn text(word: &str, dice: &mut Dice) -> String {
    let filler = "The walrus sleeps on the ice and dreams of clams. ";
    let repeats = if dice.below(10) == 0 { 200 } else { dice.below(6) };
    format!("{word}\n\n{}", filler.repeat(usize::try_from(repeats).unwrap() + 1))
}
