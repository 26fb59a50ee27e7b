//! Answers, as tables for people.
//!
//! Invariant: no member of an answer is left out silently, and no id is ever cut. Where no name of a column fits, all members are
//! shown. A row that is too wide for the terminal becomes a block per item.

use serde_json::Value;

/// A table of `items` that fits the terminal, or a block for each where it would not. See [`table`].
pub(crate) fn fitting(items: &[Value], columns: &[&str]) -> String {
    // What goes to a file or to another program has no width.
    let width = terminal_size::terminal_size_of(std::io::stdout()).map(|(width, _)| usize::from(width.0));
    fit(items, columns, width.unwrap_or(usize::MAX))
}

fn fit(items: &[Value], columns: &[&str], width: usize) -> String {
    let table = table(items, columns);
    if table.lines().all(|line| line.chars().count() <= width) {
        return table;
    }
    items.iter().map(|item| record(item, columns)).collect::<Vec<_>>().join("\n")
}

/// A table of `items`, with those of `columns` that any item has; with all their members when none has one.
pub(crate) fn table(items: &[Value], columns: &[&str]) -> String {
    if items.is_empty() {
        return "none\n".to_owned();
    }
    let columns = columns_of(items, columns);
    let mut rows = vec![columns.iter().map(|name| name.replace('_', " ").to_uppercase()).collect::<Vec<_>>()];
    rows.extend(items.iter().map(|item| columns.iter().map(|name| cell(&item[name.as_str()])).collect()));
    let is_number: Vec<_> =
        columns.iter().map(|name| items.iter().all(|item| is_numeric(&item[name.as_str()]))).collect();
    let widths: Vec<_> = (0..columns.len()).map(|at| widest(rows.iter().map(|row| row[at].as_str()))).collect();
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).zip(&is_number);
        let cells = cells.map(|((cell, &width), &right)| match right {
            true => format!("{cell:>width$}"),
            false => format!("{cell:<width$}"),
        });
        text += cells.collect::<Vec<_>>().join("  ").trim_end();
        text.push('\n');
    }
    text
}

/// One thing, a member a line; `columns` as for [`table`].
pub(crate) fn record(item: &Value, columns: &[&str]) -> String {
    let columns = columns_of(std::slice::from_ref(item), columns);
    let width = widest(columns.iter().map(String::as_str));
    columns.iter().map(|name| format!("{:<width$}  {}\n", name.replace('_', " "), cell(&item[name.as_str()]))).collect()
}

fn columns_of(items: &[Value], wanted: &[&str]) -> Vec<String> {
    let has = |name: &&str| items.iter().any(|item| !item[*name].is_null());
    let wanted: Vec<_> = wanted.iter().copied().filter(has).map(str::to_owned).collect();
    if !wanted.is_empty() {
        return wanted;
    }
    let mut all: Vec<_> = items.iter().filter_map(Value::as_object).flat_map(|item| item.keys().cloned()).collect();
    all.sort_unstable();
    all.dedup();
    all
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(cell).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}

/// Whether a value is a number, or an amount of money; nothing counts as either.
fn is_numeric(value: &Value) -> bool {
    match value {
        Value::Null | Value::Number(_) => true,
        Value::String(text) => text.parse::<farebox_core::money::Micros>().is_ok(),
        _ => false,
    }
}

fn widest<'a>(cells: impl Iterator<Item = &'a str>) -> usize {
    cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_table_has_the_columns_that_are_there_and_numbers_to_the_right() {
        let items = [json!({"id": "a", "calls": 5, "until": null}), json!({"id": "bob", "calls": 100})];
        assert_eq!(table(&items, &["id", "calls", "until"]), "ID   CALLS\na        5\nbob    100\n");
        assert_eq!(table(&[], &["id"]), "none\n");
    }

    #[test]
    fn a_table_that_is_too_wide_becomes_a_block_for_each_item() {
        let items = [json!({"id": "a", "url": "https://a.example"}), json!({"id": "b", "url": "https://b.example"})];
        let blocks = "id   a\nurl  https://a.example\n\nid   b\nurl  https://b.example\n";
        assert_eq!(fit(&items, &["id", "url"], 18), blocks);
        assert_eq!(fit(&items, &["id", "url"], 21), table(&items, &["id", "url"]));
    }

    #[test]
    fn a_record_falls_back_to_everything_there_is() {
        let item = json!({"b": "2.00", "a_c": 1});
        assert_eq!(record(&item, &["nothing"]), "a c  1\nb    2.00\n");
    }
}
