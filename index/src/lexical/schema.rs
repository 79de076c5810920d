//! The fields of the lexical store. A change here needs a new [`VERSION`].

use tantivy::schema::{
    FAST, Field, IndexRecordOption, NumericOptions, STORED, Schema, SchemaBuilder, TextFieldIndexing, TextOptions,
};

/// Version of schema, analysis and compression together; another one on disk means indexing everything again.
pub(super) const VERSION: u32 = 5;

/// Handles of the fields.
#[derive(Clone, Copy)]
pub(super) struct Fields {
    /// Names the passage; also a column.
    pub id: Field,
    /// The exact path.
    pub path: Field,
    /// The path and every folder above it, as exact terms.
    pub folder: Field,
    pub kind: Field,
    /// ISO 639-1 code; also a column.
    pub lang: Field,
    pub mtime: Field,
    /// The file name's extension, lower-cased, as an exact term.
    pub ext: Field,
    /// Seconds since the epoch: the date that the document states, else when it was last changed. A column.
    pub date: Field,
    /// 1 where people seldom look: see [`super::place`]. A column.
    pub aside: Field,
    /// Stored only.
    pub author_text: Field,
    /// Words of the author's name.
    pub author: Field,
    pub line: Field,
    /// Left out without pages.
    pub page: Field,
    /// Stored only: the passage's place where lines say little.
    pub spot: Field,
    /// Stored only.
    pub text: Field,
    /// Stored only; left out where the file's name is the title.
    pub title_text: Field,
    /// Stored only.
    pub heading_text: Field,
    /// Words of the passage.
    pub body: Field,
    /// Words of the headings above it.
    pub heading: Field,
    /// Words of the file's title.
    pub title: Field,
    /// Words of the path.
    pub place: Field,
}

pub(super) fn schema() -> Schema {
    let mut b = SchemaBuilder::new();
    b.add_u64_field("id", NumericOptions::default().set_indexed().set_fast());
    b.add_text_field("path", exact() | STORED);
    b.add_text_field("folder", exact());
    b.add_text_field("kind", exact() | STORED);
    b.add_text_field("lang", exact() | FAST);
    b.add_i64_field("mtime", STORED);
    b.add_text_field("ext", exact());
    b.add_i64_field("date", FAST);
    b.add_u64_field("aside", FAST);
    b.add_text_field("author_text", STORED);
    b.add_text_field("author", words(false));
    b.add_u64_field("line", STORED);
    b.add_u64_field("page", STORED);
    b.add_text_field("spot", STORED);
    b.add_text_field("text", STORED);
    b.add_text_field("title_text", STORED);
    b.add_text_field("heading_text", STORED);
    b.add_text_field("body", words(true));
    b.add_text_field("heading", words(true));
    b.add_text_field("title", words(true));
    // A deep folder is no reason to rank a file lower.
    b.add_text_field("place", words(false));
    b.build()
}

/// One term, which is there or not: its length says nothing and is not kept.
fn exact() -> TextOptions {
    let indexing = TextFieldIndexing::default()
        .set_tokenizer("raw")
        .set_index_option(IndexRecordOption::Basic)
        .set_fieldnorms(false);
    TextOptions::default().set_indexing_options(indexing)
}

/// Tokens come ready-made, so the tokenizer named here never runs.
fn words(with_lengths: bool) -> TextOptions {
    let indexing = TextFieldIndexing::default()
        .set_tokenizer("raw")
        .set_index_option(IndexRecordOption::WithFreqs)
        .set_fieldnorms(with_lengths);
    TextOptions::default().set_indexing_options(indexing)
}

impl Fields {
    /// The handles in a schema made by [`schema`]; a schema read from disk is compared before.
    pub(super) fn of(schema: &Schema) -> Fields {
        let field = |name| schema.get_field(name).expect("the schema was compared with the one built above");
        Fields {
            id: field("id"),
            path: field("path"),
            folder: field("folder"),
            kind: field("kind"),
            lang: field("lang"),
            mtime: field("mtime"),
            ext: field("ext"),
            date: field("date"),
            aside: field("aside"),
            author_text: field("author_text"),
            author: field("author"),
            line: field("line"),
            page: field("page"),
            spot: field("spot"),
            text: field("text"),
            title_text: field("title_text"),
            heading_text: field("heading_text"),
            body: field("body"),
            heading: field("heading"),
            title: field("title"),
            place: field("place"),
        }
    }
}
