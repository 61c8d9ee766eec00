import java.sql.*;
import java.util.*;

/** What a JDBC tool asks of a database before it shows anything. */
public class Meta {
    static void show(String label, ResultSet rows) throws SQLException {
        ResultSetMetaData meta = rows.getMetaData();
        System.out.println("# " + label);
        while (rows.next()) {
            List<String> cells = new ArrayList<>();
            for (int n = 1; n <= meta.getColumnCount(); n++) {
                cells.add(meta.getColumnName(n) + "=" + rows.getString(n));
            }
            System.out.println(String.join("|", cells));
        }
        rows.close();
    }

    public static void main(String[] args) throws Exception {
        try (Connection c = DriverManager.getConnection(args[0], args[1], args[2])) {
            DatabaseMetaData meta = c.getMetaData();
            System.out.println(meta.getDatabaseProductName() + " " + meta.getDatabaseMajorVersion());
            System.out.println(c.getCatalog() + " " + c.getSchema() + " " + meta.getUserName());
            show("catalogs", meta.getCatalogs());
            show("schemas", meta.getSchemas());
            show("schemas like", meta.getSchemas(null, "pub%"));
            show("table types", meta.getTableTypes());
            show("tables", meta.getTables(null, "public", "%", new String[] {"TABLE", "VIEW"}));
            show("tables of any type", meta.getTables(null, "public", "or%", null));
            show("system", meta.getTables(null, "pg_catalog", "pg_am%", null));
            show("columns", meta.getColumns(null, "public", "%", "%"));
            show("columns of one", meta.getColumns(null, null, "orders", null));
            show("keys", meta.getPrimaryKeys(null, "public", "orders"));
            show("imported", meta.getImportedKeys(null, "public", "orders"));
            show("exported", meta.getExportedKeys(null, "public", "orders"));
            show("crossed", meta.getCrossReference(null, "public", "orders", null, "public", "tickets"));
            show("indexes", meta.getIndexInfo(null, "public", "orders", false, true));
            show("rights", meta.getTablePrivileges(null, "public", "orders"));
            show("column rights", meta.getColumnPrivileges(null, "public", "orders", "%"));
            show("best row", meta.getBestRowIdentifier(null, "public", "orders", DatabaseMetaData.bestRowSession, true));
            show("version columns", meta.getVersionColumns(null, "public", "orders"));
            show("functions", meta.getFunctions(null, "public", "%"));
            show("function columns", meta.getFunctionColumns(null, "public", "%", "%"));
            show("procedures", meta.getProcedures(null, "public", "%"));
            show("user types", meta.getUDTs(null, "public", "%", null));
            show("types", meta.getTypeInfo());
            show("properties", meta.getClientInfoProperties());
            System.out.println(meta.getMaxColumnNameLength() + " " + meta.getSQLKeywords().length());
        }
    }
}
